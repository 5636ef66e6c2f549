//! `/upstreams/{name}/{path}`: requests that are passed on.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use service_edge::{
    ApiError, Describe, RequestDeadline, Routes, Trace, endpoint, header, retry_after,
};
use utoipa::PartialSchema as _;

use crate::{
    gateway::worker::{GatewayWorker, Received},
    traces,
};

/// Adds the endpoint. It needs the [`GatewayWorker`] in `app_data`.
pub(super) fn configure(routes: &mut Routes<'_>) {
    let endpoint = endpoint("/upstreams/{path}*").documented_as("/upstreams/{name}/{path}");
    routes.service(endpoint.any(pass_on, PASS_ON));
}

const PASS_ON: Describe = |it| {
    let text = |about| header(String::schema(), about);
    it.summary("Passes the request on to an upstream of the file, under its policies.")
        .details("All methods but CONNECT and TRACE. `path` may have slashes.")
        .path("name", "The name of the upstream.")
        .path("path", "The path at the upstream.")
        .may_need_upstream_token()
        .takes_anything()
        .has_deadline()
        .passes_answers_on("The upstream's answer, while it arrives.")
        .fails(400, "The target, a header or the body is not valid.")
        .fails(401, "The token of the upstream is missing or wrong.")
        .fails(414, "The target is too long for the upstream's URL.")
        .fails(501, "The request has `Upgrade`.")
        .fails(502, "The upstream is not reached, or its answer is of no use.")
        .fails(503, "A policy rejected the call, or a limit of the process is reached.")
        .fails(504, "The upstream does not answer in time.")
        .fails(508, "The request has passed through this process before.")
        .with_header_on_all("X-Resilience-Attempts", &text("How many attempts were made."))
        .with_header_on_all("X-Resilience-State", &text("The state of the upstream's circuit."))
        .with_header_on_all("X-Resilience-Upstream", &text("The name of the upstream."))
        .with_header_on_all(
            "X-Resilience-Stale",
            &text("Seconds since a stale answer arrived. Absent on other answers."),
        )
        .with_header(503, "Retry-After", retry_after())
        .with_header(401, "WWW-Authenticate", text("`X-Upstream-Token`"))
        .fails(404, "No upstream has this name.")
};

async fn pass_on(
    request: HttpRequest,
    payload: web::Payload,
    trace: Trace,
    RequestDeadline(time_left): RequestDeadline,
    worker: web::Data<GatewayWorker>,
) -> Result<HttpResponse, ApiError> {
    let (span, mut recording) =
        traces::enter(trace, request.method().as_str(), "/upstreams/{name}");
    recording.set("url.path", || traces::bounded(request.path()).into());
    let passed = worker.pass_on(Received { request, payload, span, time_left }).await;
    let status = passed.as_ref().map_or_else(ResponseError::status_code, HttpResponse::status);
    recording.end(status);
    passed
}
