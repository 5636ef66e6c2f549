//! What a request says about itself, as one extractor: a tuple of extractors costs a call more.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{Error, FromRequest, HttpRequest, dev::Payload};
use resilience_actors::Priority;
use service_edge::{RequestDeadline, Trace};

use crate::priority::RequestPriority;

/// What a request says about itself.
pub(super) struct Caller {
    pub(super) trace: Trace,
    pub(super) priority: Priority,
    /// The time in which the caller needs the answer, if it said so.
    pub(super) time_left: Option<Duration>,
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        ready(read(request, payload))
    }
}

fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Caller, Error> {
    let trace = Trace::from_request(request, payload).into_inner()?;
    let RequestPriority(priority) = RequestPriority::from_request(request, payload).into_inner()?;
    let RequestDeadline(time_left) =
        RequestDeadline::from_request(request, payload).into_inner()?;
    Ok(Caller { trace, priority, time_left })
}
