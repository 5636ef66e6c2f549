//! The endpoints of the event log: the stream and the history.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web,
};
use serde_json::{Map, json};
use service_edge::{ApiError, Describe, Drain, mark_expendable};
use utoipa::{
    PartialSchema as _,
    openapi::{ObjectBuilder, Type},
};

use super::{
    circuit,
    event_query::{self, DEFAULT_LIMIT, MAX_LIMIT, Query},
    upstreams,
};
use crate::{
    Config,
    calls::Calls,
    events::{EventStreams, Start, Wanted, events},
    wire::HistoryBody,
};

const EVENT_STREAM: &str = "text/event-stream";

const LAST_EVENT_ID: &str = "last-event-id";

/// Tells nginx not to buffer the response.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `Retry-After` if all event streams are in use.
const COME_BACK: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) const STREAM: Describe = |it| {
    let id = "The id of the last event that the reader has. The stream goes on after it.";
    event_query::describe(it.summary("The events of the circuits, as they happen."))
        .header(LAST_EVENT_ID, String::schema(), id)
        .answers_with(200, EVENT_STREAM, "Server-Sent Events without an end.")
        .refuses("All event streams are in use, or the process has too many connections.")
};

/// `GET /api/events`.
pub(super) async fn stream(
    request: HttpRequest,
    calls: web::Data<Calls>,
    config: web::Data<Config>,
    streams: web::Data<EventStreams>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, ApiError> {
    let Query { filter, limit } = Query::parse(request.query_string())?;
    if limit.is_some() {
        return Err(ApiError::bad_request("limit is for /api/events/history"));
    }
    let upstream = upstreams::find(&request, filter.upstream.as_deref())?;
    let log = calls.upstreams().breaker().events();
    let last = request.headers().get(LAST_EVENT_ID).map(HeaderValue::as_bytes);
    let start = Start::parse(last, &streams, log).map_err(ApiError::bad_request)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, EVENT_STREAM))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let slot = streams.try_open().ok_or_else(|| {
        let message = format!("all {} event streams are in use", config.max_event_streams);
        ApiError::unavailable(message).retry_after(COME_BACK)
    })?;
    let mut hello = Map::new();
    if matches!(start, Start::Now(_)) {
        hello.insert("pod".to_owned(), config.pod.as_str().into());
        let circuit = circuit::body(upstream.breaker()).await?;
        hello.insert("circuit_breaker".to_owned(), json!(circuit));
    }
    mark_expendable(&request);
    let (streams, drain) = (streams.get_ref().clone(), drain.get_ref().clone());
    let wanted = Wanted { start, filter };
    Ok(response.streaming(events(log, wanted, hello, slot, streams, drain)))
}

pub(super) const HISTORY: Describe = |it| {
    let limit = ObjectBuilder::new().schema_type(Type::Integer);
    let limit = limit.minimum(Some(1)).maximum(Some(MAX_LIMIT)).default(Some(DEFAULT_LIMIT.into()));
    event_query::describe(it.summary("The last events of the circuits."))
        .query("limit", limit, "Maximum number of events.")
        .answers::<HistoryBody>(200, "The events, in order.")
};

/// `GET /api/events/history`.
pub(super) async fn history(
    request: HttpRequest,
    calls: web::Data<Calls>,
) -> Result<web::Json<HistoryBody>, ApiError> {
    let Query { filter, limit } = Query::parse(request.query_string())?;
    upstreams::find(&request, filter.upstream.as_deref())?;
    let log = calls.upstreams().breaker().events();
    let events = log.last(limit.unwrap_or(DEFAULT_LIMIT), |event| filter.wants(event));
    Ok(web::Json(HistoryBody { events, oldest: log.oldest(), newest: log.newest() }))
}
