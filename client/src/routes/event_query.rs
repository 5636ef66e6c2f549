//! The query of the endpoints of the event log.

use actix_web::web;
use resilience_actors::EventType;
use serde::Deserialize;
use service_edge::{ApiError, Operation};
use utoipa::{
    PartialSchema as _,
    openapi::{ObjectBuilder, Type},
};

use crate::events::Filter;

/// Number of events that the history returns by default.
pub(super) const DEFAULT_LIMIT: usize = 100;
/// Maximum of that number.
pub(super) const MAX_LIMIT: usize = 1000;

/// Adds what both endpoints take, and their errors.
pub(super) fn describe(it: Operation) -> Operation {
    let types = EventType::ALL.map(<&str>::from).join("|");
    let types = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^({types})(,({types}))*$")));
    it.query("type", types, "Types of events, with commas between them. Default all.")
        .query("upstream", String::schema(), "The name of an upstream. Default all.")
        .fails(400, "The query or a header is not valid.")
        .fails(404, "No upstream has this name.")
}

/// The query of `/api/events` and `/api/events/history`.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) filter: Filter,
    pub(super) limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Limit,
    Type,
    Upstream,
}

impl Query {
    pub(super) fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = web::Query::<Vec<(Key, String)>>::from_query(query)
            .map_err(|error| ApiError::bad_request(format!("the query is not valid: {error}")))?;
        let (mut limit, mut types, mut upstream) = (None, Vec::new(), None);
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
                Key::Upstream if upstream.is_some() => {
                    return Err(ApiError::bad_request("upstream is there twice"));
                }
                Key::Upstream => upstream = Some(value),
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
        Ok(Self { filter: Filter { types, upstream }, limit })
    }
}

fn unknown_type(name: &str) -> ApiError {
    let known = EventType::ALL.map(<&str>::from).join(", ");
    ApiError::bad_request(format!("type = {name} is not valid: expected {known}"))
}

#[cfg(test)]
#[path = "event_query_props.rs"]
mod props;
