//! Why there is no usable response, from awc's errors.

use actix_http::error::{ParseError, PayloadError};
use awc::{
    error::{ConnectError, SendRequestError},
    http::StatusCode,
};
use bytes::Bytes;

use crate::{
    adapters::http::{describe, is_local_shortage},
    outcome::{Outcome, Verdict},
};

/// Why a request has no usable response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The request did not reach the upstream: name not resolved, connect refused or timed out, or connection closed or
    /// reset before the response.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// This process lacks what a connection needs.
    #[error("no connection: {0}")]
    LocalShortage(String),
    /// A timeout of awc itself passed.
    #[error("no response within the timeout of awc")]
    TimedOut,
    /// The response cannot be used, or awc refused to send the request.
    #[error("{reason}")]
    Unusable {
        /// The status, if the head could be parsed.
        status: Option<StatusCode>,
        /// What is wrong.
        reason: String,
    },
}

impl HttpError {
    /// What it says about the upstream.
    pub fn verdict(&self) -> Verdict {
        let (outcome, status) = match self {
            Self::Unreachable(_) => (Outcome::Unreachable, None),
            Self::LocalShortage(_) => (Outcome::LocalShortage, None),
            Self::TimedOut => (Outcome::TimedOut, None),
            Self::Unusable { status, .. } => (Outcome::Unusable, *status),
        };
        Verdict { code: status.map(|status| status.as_u16()), ..outcome.into() }
    }
}

impl From<SendRequestError> for HttpError {
    /// A response that is cut off within its head counts as unreachable, because awc reports it like a connection that
    /// is reset before the first byte.
    fn from(error: SendRequestError) -> Self {
        if let Some(error) = io_error(&error).filter(|error| is_local_shortage(error)) {
            return Self::LocalShortage(error.to_string());
        }
        match error {
            SendRequestError::Connect(ConnectError::Disconnected) => {
                Self::Unreachable("connection closed before a byte of answer".into())
            }
            SendRequestError::Connect(ConnectError::Io(error)) => {
                Self::Unreachable(describe(&error))
            }
            SendRequestError::Connect(error) => Self::Unreachable(error.to_string()),
            SendRequestError::Send(error) => Self::Unreachable(error.to_string()),
            SendRequestError::Response(ParseError::Io(error)) => {
                Self::Unreachable(format!("{} before an answer", describe(&error)))
            }
            SendRequestError::Response(error) => {
                Self::Unusable { status: None, reason: format!("malformed head: {error}") }
            }
            SendRequestError::Timeout => Self::TimedOut,
            error => Self::Unusable { status: None, reason: error.to_string() },
        }
    }
}

/// The error of the connection that caused this error, if one did.
pub fn io_error(error: &SendRequestError) -> Option<&std::io::Error> {
    match error {
        SendRequestError::Connect(ConnectError::Io(error))
        | SendRequestError::Send(error)
        | SendRequestError::Response(ParseError::Io(error)) => Some(error),
        _ => None,
    }
}

/// Why a body is not there, or not complete.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is larger than this limit, in bytes.
    #[error("body larger than {0} bytes")]
    TooLarge(usize),
    /// The head has a `Content-Length` and a `Transfer-Encoding`. This "ought to be handled as an error" (RFC 9112,
    /// 6.3): an intermediary may have used the other header to find the end of this response.
    #[error("both a length and a transfer-encoding")]
    TwoLengths,
    /// It was not complete when the attempt was due.
    #[error("body did not arrive in time")]
    Late,
    /// It ended early, or is malformed.
    #[error("{}", ended(received.len(), *expected, error))]
    Ended {
        /// What arrived.
        received: Bytes,
        /// The length that the head announced.
        expected: Option<u64>,
        /// awc's error.
        error: PayloadError,
    },
}

fn ended(received: usize, expected: Option<u64>, error: &PayloadError) -> String {
    match (error, expected) {
        (PayloadError::Incomplete(_) | PayloadError::Io(_), Some(expected)) => {
            format!("body cut off after {received} of {expected} bytes: {error}")
        }
        (PayloadError::Incomplete(_) | PayloadError::Io(_), None) => {
            format!("body cut off after {received} bytes: {error}")
        }
        _ => format!("malformed body: {error}"),
    }
}
