//! `FALLBACK=stale`: the last good answer, for a call that has none.

use std::sync::Arc;

use resilience_actors::{CallOptions, Upstream};

use super::super::{
    cache::{BodyCopy, RequestKey, StaleStore},
    passed_answer::{PassedAnswer, Report},
    passing::Passing,
};

/// Makes a call. If it has no answer, a kept one is put in its place. If it has a good one, this is kept once it has
/// been passed on. `stale` is `None` if the policy is off.
pub(super) async fn call_or_stale(
    upstream: &Upstream,
    stale: Option<&Arc<StaleStore>>,
    key: &Arc<RequestKey>,
    options: CallOptions,
    operation: Passing,
) -> Report {
    let Some(stale) = stale else { return upstream.run_with(options, operation).await };
    let mut report =
        upstream.run_or(options, operation, |report| stale_answer(stale, key, report)).await;
    if let (Ok(answer), false) = (&mut report.result, report.fallback) {
        answer.copy = BodyCopy::begin(stale, key, &answer.head);
    }
    report
}

/// The kept answer, for a call that was not answered. `None` for a 4xx, which is an answer.
fn stale_answer(
    stale: &StaleStore,
    key: &Arc<RequestKey>,
    report: &Report,
) -> Option<PassedAnswer> {
    let is_answer = |answer: &PassedAnswer| answer.head.status.is_client_error();
    if report.result.as_ref().is_ok_and(is_answer) {
        return None;
    }
    let (head, body, age) = stale.get(key)?;
    Some(PassedAnswer::whole(head, body, Some(age)))
}
