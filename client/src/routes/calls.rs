//! The endpoints that make one call of the lab's backend.

use actix_web::{HttpResponse, web};
use service_edge::{Describe, Operation, header, retry_after, trace::TRACEPARENT};
use utoipa::PartialSchema as _;

use super::caller::Caller;
use crate::{
    answer,
    calls::{Asked, Calls},
    traces::{self, Recording},
    transport::{BackendReport, Wanted},
    upstreams::Protection,
    wire,
};

pub(super) const CALL: Describe = |it| {
    let it = it.summary("Calls the backend with all policies.");
    described::<wire::CallBody<'_>>(it)
};

pub(super) const BASELINE: Describe = |it| {
    let it = it.summary("Calls the backend without any policy, for comparison.");
    described::<wire::BaselineAnswer<'_>>(it)
};

pub(super) const TEST_RETRY: Describe = |it| {
    let it = it.summary("Calls the backend's throttled endpoint, and shows each attempt.");
    described::<wire::RetryBody<'_>>(it)
};

/// What these endpoints share. A call that a policy rejects and a connection past the limit are both a 503.
fn described<T: utoipa::ToSchema>(it: Operation) -> Operation {
    let it = it
        .details(
            "`PRIORITY_HEADER`, if it is set, names a header with the priority of the call, 0 to 3.",
        )
        .has_deadline()
        .answers::<T>(200, "The backend's answer, or an earlier one with `FALLBACK=stale`.")
        .answers::<T>(500, "The backend's own status, or the call's operation panicked.")
        .answers::<T>(502, "The backend was not reached, its answer is of no use, or a fault was injected.")
        .answers::<T>(503, "A policy rejected the call, or the process lacks what a connection needs.")
        .answers::<T>(504, "The backend did not answer in time.")
        .answers_otherwise::<T>("The backend's own status.");
    let traced = header(String::schema(), "The trace of the call.");
    it.with_header(200, TRACEPARENT.as_str(), traced).with_header(503, "Retry-After", retry_after())
}

pub(super) fn call_backend(
    caller: Caller,
    calls: web::Data<Calls>,
) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Data { failure_rate: None };
    answered(calls, asked(caller, "call-backend", wanted, Protection::Full), answer::call)
}

pub(super) fn baseline(
    caller: Caller,
    calls: web::Data<Calls>,
) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Data { failure_rate: None };
    answered(calls, asked(caller, "baseline", wanted, Protection::None), answer::baseline)
}

pub(super) fn test_retry(
    caller: Caller,
    calls: web::Data<Calls>,
) -> impl Future<Output = HttpResponse> {
    let wanted = Wanted::Transient;
    answered(calls, asked(caller, "test-retry", wanted, Protection::Full), answer::test_retry)
}

/// The call that a request asks for, and its span.
fn asked(
    Caller { trace, priority, time_left }: Caller,
    endpoint: &'static str,
    wanted: Wanted,
    protection: Protection,
) -> (Asked, Recording) {
    let (trace, recording) = traces::enter(trace, "GET", endpoint);
    // A shared call has one deadline, and its callers would have several.
    let coalesce = protection == Protection::Full && time_left.is_none();
    (Asked { endpoint, wanted, protection, priority, time_left, trace, coalesce }, recording)
}

/// Makes a call and answers it, with the call's trace in the header `traceparent`.
#[expect(clippy::manual_async_fn, reason = "an async fn's future stores its arguments twice")]
fn answered(
    calls: web::Data<Calls>,
    (asked, recording): (Asked, Recording),
    answer: impl FnOnce(&BackendReport) -> HttpResponse,
) -> impl Future<Output = HttpResponse> {
    async move {
        let report = calls.make(&asked).await;
        let mut response = answer(&report);
        response.headers_mut().insert(TRACEPARENT, asked.trace.header());
        recording.end(response.status());
        response
    }
}
