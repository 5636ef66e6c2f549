//! The responses to requests that no handler has answered.

use std::time::Duration;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};
use serde::Serialize;

use crate::{
    adapters::http::whole_seconds,
    rejection::{Rejection, RejectionKind},
    report::CallError,
};

/// A request that no handler has answered.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    retry_after: Option<Duration>,
}

impl<E> From<CallError<E>> for Refusal {
    fn from(error: CallError<E>) -> Self {
        let (status, message, retry_after) = match error {
            CallError::Rejected(rejection) => return rejection.into(),
            CallError::TimedOut(_) | CallError::DeadlineExceeded(_) | CallError::Unconnected(_) => {
                (StatusCode::GATEWAY_TIMEOUT, "the time for the request is over", None)
            }
            CallError::Transport(_) | CallError::Panicked | CallError::Lost => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal error", None)
            }
            CallError::Injected => (StatusCode::INTERNAL_SERVER_ERROR, "injected failure", None),
        };
        Self { status, message: message.to_owned(), retry_after }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        let too_many = StatusCode::TOO_MANY_REQUESTS;
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        // The texts of the runtime are about an upstream, of which the server's clients know nothing.
        let (status, message) = match rejection.kind() {
            RejectionKind::RateLimit => (too_many, "too many requests in this period".to_owned()),
            RejectionKind::Overloaded | RejectionKind::ConcurrencyLimit => {
                (unavailable, "too many requests in flight".to_owned())
            }
            _ => (unavailable, rejection.to_string()),
        };
        Self { status, message, retry_after: Some(rejection.retry_after()) }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    message: &'a str,
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(wait) = self.retry_after {
            response.insert_header((RETRY_AFTER, whole_seconds(wait).max(1)));
        }
        let error = self.status.canonical_reason().unwrap_or("Error");
        response.json(Body { error, message: &self.message })
    }
}
