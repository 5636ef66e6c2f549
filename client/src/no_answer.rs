//! Calls that have no answer of their upstream: what their callers get.

use std::time::Duration;

use actix_web::http::StatusCode;
use resilience_actors::{CallError, adapters::http::whole_seconds};

use crate::transport::BackendError;

/// Why a transport has no answer.
pub(crate) trait NoAnswer: std::fmt::Display {
    /// This process lacked what a connection needs.
    fn is_local_shortage(&self) -> bool;
}

impl NoAnswer for BackendError {
    fn is_local_shortage(&self) -> bool {
        matches!(self, Self::LocalShortage(_))
    }
}

/// The status of the answer to a call that has none of the upstream.
pub(crate) fn status_without_answer(error: &CallError<impl NoAnswer>) -> StatusCode {
    match error {
        CallError::Transport(error) if error.is_local_shortage() => StatusCode::SERVICE_UNAVAILABLE,
        CallError::Rejected(_) => StatusCode::SERVICE_UNAVAILABLE,
        CallError::Transport(_) | CallError::Unconnected(_) | CallError::Injected => {
            StatusCode::BAD_GATEWAY
        }
        CallError::TimedOut(_) | CallError::DeadlineExceeded(_) => StatusCode::GATEWAY_TIMEOUT,
        CallError::Panicked | CallError::Lost => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When to try again, if this service rejected the call.
pub(crate) fn retry_after(error: &CallError<impl NoAnswer>) -> Option<Duration> {
    match error {
        CallError::Rejected(rejection) => Some(rejection.retry_after()),
        CallError::Transport(error) if error.is_local_shortage() => Some(Duration::from_secs(1)),
        _ => None,
    }
}

/// The message of the answer to a call that has none of `upstream`.
pub(crate) fn explain(error: &CallError<impl NoAnswer>, upstream: &str) -> String {
    match error {
        CallError::Rejected(rejection) => {
            format!("{rejection}; try again in {} s", whole_seconds(rejection.retry_after()).max(1))
        }
        CallError::Unconnected(_) => format!("{upstream} unreachable: {error}"),
        CallError::TimedOut(_) => format!("{upstream} timed out: {error}"),
        error => error.to_string(),
    }
}
