//! The endpoints of the event log: the stream and the history.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    },
    web,
};
use resilience_actors::EventType;
use serde::Deserialize;
use serde_json::{Map, json};
use service_edge::{ApiError, Drain, mark_expendable};

use super::circuit;
use crate::{
    Config,
    calls::Calls,
    events::{EventStreams, Start, events},
    wire::HistoryBody,
};

const LAST_EVENT_ID: &str = "last-event-id";

/// Tells nginx not to buffer the response.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `Retry-After` if all event streams are in use.
const COME_BACK: std::time::Duration = std::time::Duration::from_secs(5);

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// `GET /api/events`.
pub(super) async fn stream(
    request: HttpRequest,
    calls: web::Data<Calls>,
    config: web::Data<Config>,
    streams: web::Data<EventStreams>,
    drain: web::Data<Drain>,
) -> Result<HttpResponse, ApiError> {
    let log = calls.upstreams().breaker().events();
    let last = request.headers().get(LAST_EVENT_ID).map(HeaderValue::as_bytes);
    let start = Start::parse(last, &streams, log).map_err(ApiError::bad_request)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, "text/event-stream"))
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
        hello.insert(
            "circuit_breaker".to_owned(),
            json!(circuit::body(calls.upstreams().breaker()).await?),
        );
    }
    mark_expendable(&request);
    let (streams, drain) = (streams.get_ref().clone(), drain.get_ref().clone());
    Ok(response.streaming(events(log, start, hello, slot, streams, drain)))
}

/// `GET /api/events/history`.
pub(super) async fn history(
    request: HttpRequest,
    calls: web::Data<Calls>,
) -> Result<web::Json<HistoryBody>, ApiError> {
    let Wanted { limit, types } = Wanted::parse(request.query_string())?;
    let log = calls.upstreams().breaker().events();
    let wanted = |of: EventType| types.is_empty() || types.contains(&of);
    let events = log.last(limit, |event| wanted(event.kind.event_type()));
    Ok(web::Json(HistoryBody { events, oldest: log.oldest(), newest: log.newest() }))
}

/// The query of `/api/events/history`.
#[derive(Debug, PartialEq)]
struct Wanted {
    limit: usize,
    /// Empty for all types.
    types: Vec<EventType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Limit,
    Type,
}

impl Wanted {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = web::Query::<Vec<(Key, String)>>::from_query(query)
            .map_err(|error| ApiError::bad_request(format!("the query is not valid: {error}")))?;
        let (mut limit, mut types) = (None, Vec::new());
        for (key, value) in pairs.into_inner() {
            match key {
                Key::Limit if limit.is_some() => {
                    return Err(ApiError::bad_request("limit is there twice"));
                }
                Key::Limit => {
                    let number = value.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
                    limit = Some(number.ok_or_else(|| {
                        ApiError::bad_request(format!(
                            "limit = {value} is not valid: expected a whole number from 1 to {MAX_LIMIT}"
                        ))
                    })?);
                }
                Key::Type => {
                    for name in value.split(',') {
                        let named = name.parse().map_err(|_| unknown_type(name))?;
                        // Each event is compared with each type, and a query could repeat a type thousands of times.
                        if !types.contains(&named) {
                            types.push(named);
                        }
                    }
                }
            }
        }
        Ok(Self { limit: limit.unwrap_or(DEFAULT_LIMIT), types })
    }
}

fn unknown_type(name: &str) -> ApiError {
    let known = EventType::ALL.map(<&str>::from).join(", ");
    ApiError::bad_request(format!("type = {name} is not valid: expected {known}"))
}

#[cfg(test)]
#[path = "events_props.rs"]
mod props;
