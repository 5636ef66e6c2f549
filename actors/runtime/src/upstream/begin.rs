//! How a call begins: under the limit on calls and past an open circuit, on its way to the scheduler.

use std::{sync::Arc, time::Instant};

use tokio::sync::oneshot;

use crate::{
    boxed::boxed,
    breaker::Breaker,
    call::{self, Call},
    gate::Pass,
    operation::{Operation, ReportOf},
    options::CallOptions,
    policies::{Common, Policies},
    rejection::Rejection,
    retry::current_thread,
};

/// Sends the call to this thread's scheduler. Not a part of [`Upstream::run_with`](super::Upstream::run_with), whose
/// future would store the whole call for as long as it waits.
pub(super) fn begin<O: Operation>(
    policies: Arc<Policies>,
    options: CallOptions,
    started: Instant,
    operation: O,
    place: Option<Pass>,
) -> oneshot::Receiver<ReportOf<O>> {
    let (reply, answer) = oneshot::channel();
    let call = Call::new(options, operation, started, reply, place);
    current_thread::start(boxed(|| call::run(policies, call)));
    answer
}

/// Takes a place under the call limit. A quiet period and an open circuit reject the call here, without a message:
/// there may be thousands of calls in a second. Each attempt asks the breaker in its turn.
///
/// A call without any time left ends in its first turn, whatever the circuit is.
pub(crate) fn enter(
    policies: &Policies,
    now: Instant,
    options: CallOptions,
) -> Result<Option<Pass>, Rejection> {
    let Common { limit, breaker, .. } = &*policies.common;
    let place = limit.clone().map(|limit| Pass::take(limit, now)).transpose()?;
    if options.deadline(now) == Some(now) {
        return Ok(place);
    }
    let by_circuit = || breaker.as_ref().and_then(Breaker::rejection_at_once);
    match policies.rejection_if_quiet().or_else(by_circuit) {
        Some(rejection) => Err(policies.spread(rejection)),
        None => Ok(place),
    }
}
