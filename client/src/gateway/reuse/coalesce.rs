//! `COALESCE=on`: identical requests in flight share one call. RFC 9111, section 4, allows a cache to collapse
//! requests, and says what is done here if the answer turns out not to be for all: each of the others makes its own
//! call.

use std::{cell::Cell, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use resilience_actors::{
    CallError, CallId, CallOptions, CallReport, CoalesceSnapshot, Coalescer, Upstream,
};

use super::{
    super::{
        body::BodyLimits,
        cache::{RequestKey, StaleStore, may_be_shared},
        passed_answer::{PassedAnswer, PassedBody, PassingError, Report},
        passing::Passing,
        quota::Share,
        response_headers::AnswerHead,
    },
    fallback::call_or_stale,
    whole_body::read_whole,
};

/// The shared calls of an upstream, over all workers.
#[derive(Debug)]
pub(super) struct AnswerCoalescer(Coalescer<Arc<RequestKey>, Shared>);

/// What the callers of a shared call get. `None`: its answer is not for all.
type Shared = Option<Arc<CallReport<SharedAnswer, PassingError>>>;

/// An answer that was read whole.
#[derive(Debug, Clone)]
struct SharedAnswer {
    head: AnswerHead,
    body: Bytes,
    stale: Option<Duration>,
    /// The bytes count as held until the last caller has its answer.
    _share: Option<Arc<Share>>,
}

/// A call that others may share.
pub(super) struct SharedCall {
    pub(super) upstream: Upstream,
    pub(super) stale: Option<Arc<StaleStore>>,
    pub(super) limits: BodyLimits,
    pub(super) key: Arc<RequestKey>,
}

/// A caller's own call, not yet made, or its report.
enum Own {
    /// Another caller makes the shared call. This one may have to make its own after it.
    ToMake(CallOptions, Passing),
    /// The caller has made the shared call, and its answer is for this caller alone.
    Made(Report),
}

impl AnswerCoalescer {
    pub(super) fn new() -> Self {
        Self(Coalescer::new())
    }

    pub(super) fn snapshot(&self) -> CoalesceSnapshot {
        self.0.snapshot()
    }

    /// Waits for the call in flight with the same key, or makes it. The report of a shared call has its number.
    ///
    /// A caller that leaves changes nothing for the others, also if it has made the call.
    pub(super) async fn call(
        &self,
        call: SharedCall,
        options: CallOptions,
        operation: Passing,
    ) -> Report {
        let (call, id) = (Rc::new(call), options.id());
        let own = Rc::new(Cell::new(Some(Own::ToMake(options, operation))));
        let made = {
            let (call, own) = (Rc::clone(&call), Rc::clone(&own));
            async move || call.make_for_all(&own).await
        };
        if let Ok(Some(shared)) = self.0.call(Arc::clone(&call.key), made).await {
            return with_result(Arc::unwrap_or_clone(shared), |answer| {
                answer.map(|SharedAnswer { head, body, stale, .. }| {
                    PassedAnswer::whole(head, body, stale)
                })
            });
        }
        match own.take() {
            Some(Own::Made(report)) => report,
            // The answer is not for all, or the worker that made the call has ended, with the service.
            Some(Own::ToMake(options, operation)) => call.make(options, operation).await,
            // This caller's call has panicked.
            None => call.lost(id),
        }
    }
}

impl SharedCall {
    async fn make(&self, options: CallOptions, operation: Passing) -> Report {
        let stale = self.stale.as_ref();
        call_or_stale(&self.upstream, stale, &self.key, options, operation).await
    }

    /// Makes the call for all its callers. An answer that is not for all is left in `own`, for the caller that has
    /// begun the call.
    async fn make_for_all(&self, own: &Cell<Option<Own>>) -> Shared {
        let Some(Own::ToMake(options, operation)) = own.take() else { return None };
        let mut report = self.make(options, operation).await;
        let answer = match &mut report.result {
            Ok(answer) => self.share(answer).await.map(Ok),
            Err(error) => Some(Err(error.clone())),
        };
        let Some(answer) = answer else {
            own.set(Some(Own::Made(report)));
            return None;
        };
        Some(Arc::new(with_result(report, |_| answer)))
    }

    /// The answer, if it may be shared, is small, and ends soon.
    async fn share(&self, answer: &mut PassedAnswer) -> Option<SharedAnswer> {
        let PassedAnswer { head, body, stale, copy, .. } = answer;
        if !may_be_shared(head) {
            return None;
        }
        let (body, share) = match body {
            PassedBody::Whole(body) => (body.clone(), None),
            PassedBody::Stream(stream) => {
                let (body, share) = read_whole(stream, head.body, &self.limits).await?;
                if let Some(copy) = copy.take() {
                    copy.keep_whole(body.clone());
                }
                (body, Some(Arc::new(share)))
            }
        };
        Some(SharedAnswer { head: head.clone(), body, stale: *stale, _share: share })
    }

    /// The report on a call that has panicked.
    fn lost(&self, id: CallId) -> Report {
        CallReport {
            id,
            result: Err(CallError::Lost),
            fallback: false,
            attempts: Vec::new(),
            retry_refused: false,
            state: self.upstream.state(),
            elapsed: Duration::ZERO,
        }
    }
}

/// The report with another result.
fn with_result<A, B, E>(
    report: CallReport<A, E>,
    change: impl FnOnce(Result<A, CallError<E>>) -> Result<B, CallError<E>>,
) -> CallReport<B, E> {
    let CallReport { id, result, fallback, attempts, retry_refused, state, elapsed } = report;
    let result = change(result);
    CallReport { id, result, fallback, attempts, retry_refused, state, elapsed }
}
