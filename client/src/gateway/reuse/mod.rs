//! An answer for more than one request: `COALESCE=on` and `FALLBACK=stale`. Both are off by default.
//!
//! | module | role |
//! |---|---|
//! | `fallback` | a call that keeps its answer, or gets a kept one |
//! | `coalesce` | requests that share a call |
//! | `whole_body` | reads a small body to its end |

mod coalesce;
mod fallback;
mod whole_body;

use std::sync::Arc;

use resilience_actors::{CallOptions, CoalesceSnapshot, Upstream};

use self::{
    coalesce::{AnswerCoalescer, SharedCall},
    fallback::call_or_stale,
};
use super::{
    body::BodyLimits,
    cache::{RequestKey, StaleStore},
    passed_answer::{PassedAnswer, Report},
    passing::Passing,
};
use crate::fallback::{StaleLimits, StaleSnapshot};

/// The answers of an upstream that are kept, and its calls that are shared.
#[derive(Debug)]
pub struct Reuse {
    stale: Option<Arc<StaleStore>>,
    coalescer: Option<AnswerCoalescer>,
}

/// A request that can get the answer to another one.
pub(super) struct Reusable {
    pub(super) key: RequestKey,
    /// It may share the call of another request that is in flight.
    pub(super) may_share: bool,
}

impl Reuse {
    /// `None` if both policies are off.
    pub(super) fn new(fallback: Option<StaleLimits>, coalesce: bool) -> Option<Arc<Self>> {
        let stale = fallback.map(|limits| Arc::new(StaleStore::new(limits)));
        let coalescer = coalesce.then(AnswerCoalescer::new);
        (stale.is_some() || coalesce).then(|| Arc::new(Self { stale, coalescer }))
    }

    /// The kept answers, if `FALLBACK` is `stale`.
    pub fn stale(&self) -> Option<StaleSnapshot> {
        self.stale.as_deref().map(StaleStore::snapshot)
    }

    /// The shared calls, if `COALESCE` is `on`.
    pub fn coalesced(&self) -> Option<CoalesceSnapshot> {
        self.coalescer.as_ref().map(AnswerCoalescer::snapshot)
    }

    /// Makes the call of a request, or shares that of another one: then the report has the other call's number.
    /// `reusable` is `None` if the request needs an answer of its own.
    pub(super) async fn call(
        &self,
        upstream: &Upstream,
        limits: &BodyLimits,
        (options, operation): (CallOptions, Passing),
        reusable: Option<Reusable>,
    ) -> Report {
        let stale = self.stale.clone();
        let Some(Reusable { key, may_share }) = reusable else {
            return match stale.filter(|_| !operation.method.is_safe()) {
                Some(stale) => call_that_changes(upstream, &stale, options, operation).await,
                None => upstream.run_with(options, operation).await,
            };
        };
        let key = Arc::new(key);
        match &self.coalescer {
            Some(coalescer) if may_share => {
                let (upstream, limits) = (upstream.clone(), limits.clone());
                let call = SharedCall { upstream, stale, limits, key };
                coalescer.call(call, options, operation).await
            }
            _ => call_or_stale(upstream, stale.as_ref(), &key, options, operation).await,
        }
    }
}

/// Makes the call of an unsafe request. Drops the kept answers to its target if it succeeds (RFC 9111, 4.4).
async fn call_that_changes(
    upstream: &Upstream,
    stale: &StaleStore,
    options: CallOptions,
    operation: Passing,
) -> Report {
    let target = operation.uri.clone();
    let report = upstream.run_with(options, operation).await;
    if report.result.as_ref().is_ok_and(PassedAnswer::is_success) {
        stale.forget_all(&target);
    }
    report
}
