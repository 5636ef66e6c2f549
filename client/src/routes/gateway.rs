//! `/upstreams/{name}/{path}`: requests that are passed on.

use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use service_edge::{ApiError, RequestDeadline, Trace, endpoint};

use crate::{
    gateway::worker::{GatewayWorker, Received},
    traces,
};

/// Adds the endpoint. It needs the [`GatewayWorker`] in `app_data`.
pub(super) fn configure(routes: &mut web::ServiceConfig) {
    routes.service(endpoint("/upstreams/{path}*").any(pass_on));
}

async fn pass_on(
    request: HttpRequest,
    payload: web::Payload,
    trace: Trace,
    RequestDeadline(time_left): RequestDeadline,
    worker: web::Data<GatewayWorker>,
) -> Result<HttpResponse, ApiError> {
    let (span, mut recording) =
        traces::enter(trace, request.method().as_str(), "/upstreams/{name}");
    recording.set("url.path", || request.path().into());
    let passed = worker.pass_on(Received { request, payload, span, time_left }).await;
    let status = passed.as_ref().map_or_else(ResponseError::status_code, HttpResponse::status);
    recording.end(status);
    passed
}
