//! Carries requests to the backend over HTTP/1.1: the only user of awc.

mod connections;
mod connector;
mod head;
mod io_errors;
mod probe;
pub mod replicas;
mod request;
mod resolver;
mod response;
mod retry_after;
mod shortage;
mod socket;

use std::{
    borrow::Cow,
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::{
    error::ParseError,
    http::{
        StatusCode, Uri,
        header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT},
    },
};
use awc::{
    Client,
    error::{ConnectError, SendRequestError},
};
use resilience_actors::{Attempt, Operation, Outcome, ReportOf, Verdict};
use service_edge::{REQUEST_DEADLINE, RequestDeadline, trace::TRACEPARENT};

use crate::config::Config;
pub use connections::ConnectionBudget;
use connections::Connections;
pub use probe::{ProbeError, ProbeTransport};
pub use request::{BackendRequest, Wanted};
use resolver::Resolver;
use response::Answer;
pub use response::BackendResponse;
use shortage::Shortage;
use socket::CutOff;

/// The header that overrides the backend's failure rate for one request.
const FAILURE_RATE: HeaderName = HeaderName::from_static("x-failure-rate");

/// The `User-Agent` of requests to the backend.
const PRODUCT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// awc's own timeout, longer than any attempt: the scheduler's timeouts apply instead.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The result of a call to the backend.
pub type BackendReport = ReportOf<BackendCall>;

/// Why the backend gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The request did not reach the backend: name not resolved, connect refused or timed out, or connection closed
    /// before the first byte of a response.
    #[error("backend unreachable: {0}")]
    Unreachable(String),
    /// This process lacks a resource that a connection needs: descriptors, memory, ports, or a place in the budget.
    #[error("no connection to the backend: {0}")]
    LocalShortage(String),
    /// The response is a redirect. It is not followed.
    #[error("backend answered with a redirect, status {0}")]
    Redirect(StatusCode),
    /// The response cannot be used.
    #[error("backend's answer is unusable: {reason}")]
    Unusable {
        /// The status, if the head could be parsed.
        status: Option<StatusCode>,
        /// What is wrong with the response.
        reason: String,
    },
}

/// One worker's HTTP client for the backend.
pub struct HttpTransport {
    /// The client with the pool of kept connections. Replaced when a pooled connection may receive leftover bytes.
    pooled: RefCell<Client>,
    connections: Rc<Connections>,
    resolver: Rc<Resolver>,
    connect_timeout: Duration,
    max_response_bytes: usize,
    data: Uri,
    transient: Uri,
}

impl HttpTransport {
    /// Creates the transport. Opens no connection.
    pub fn new(config: &Config, budget: ConnectionBudget) -> Self {
        let connect_timeout = config.connect_timeout;
        let (connections, resolver) = (Rc::new(Connections::new(budget)), Rc::default());
        let pooled = client(connect_timeout, Rc::clone(&resolver), Rc::clone(&connections));
        Self {
            pooled: RefCell::new(pooled),
            connections,
            resolver,
            connect_timeout,
            max_response_bytes: config.max_response_bytes,
            data: config.backend.join(request::DATA),
            transient: config.backend.join(request::TRANSIENT),
        }
    }

    /// Creates a client with an empty pool.
    fn fresh_client(&self) -> Client {
        let (resolver, connections) = (Rc::clone(&self.resolver), Rc::clone(&self.connections));
        client(self.connect_timeout, resolver, connections)
    }

    /// Sends the request and reads the response.
    async fn send(
        &self,
        request: &BackendRequest,
        attempt: Attempt<'_>,
    ) -> Result<BackendResponse, BackendError> {
        let span = request.trace.child();
        // Logged at the start, because an attempt that times out is dropped before its end.
        log::log!(
            span.level(),
            trace_id:% = span.trace_id(),
            span_id:% = span.span_id();
            "call {} attempt {}: sending to the backend", attempt.call, attempt.number
        );
        let client = if attempt.fresh_connection {
            self.fresh_client()
        } else {
            self.pooled.borrow().clone()
        };
        let mut http = client.get(match request.wanted {
            Wanted::Data { .. } => self.data.clone(),
            Wanted::Transient => self.transient.clone(),
        });
        // Inserted in place, because `insert_header` moves the whole request builder.
        let headers = http.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(TRACEPARENT, span.header());
        if let Some(deadline) = attempt.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            headers.insert(REQUEST_DEADLINE, RequestDeadline::header(left));
        }
        if let Wanted::Data { failure_rate: Some(rate) } = request.wanted {
            http = http.insert_header((FAILURE_RATE, rate.to_string()));
        }
        // Keeps the connection in use until the response has been read.
        let (answer, _connection) =
            connector::track_connection(http.send(), attempt.connecting()).await;
        let answer = Answer::new(answer.map_err(unsent)?);
        if answer.may_be_followed() {
            // The connection is already back in the pool. The next request on it could receive the leftover bytes as
            // its response. No other task has run since the connection went back: the `await` above returned in
            // the same poll.
            self.pooled.replace(self.fresh_client());
        }
        answer
            .read(self.max_response_bytes, attempt.due.unwrap_or_else(|| Instant::now() + NEVER))
            .await
    }
}

/// Creates a client with its own pool. awc's timeouts and pool limit are off: the scheduler bounds the time of each
/// attempt and the number of calls.
fn client(
    connect_timeout: Duration,
    resolver: Rc<Resolver>,
    connections: Rc<Connections>,
) -> Client {
    let connector = awc::Connector::new()
        .connector(connector::service(connect_timeout, resolver, connections))
        .timeout(NEVER)
        .limit(0);
    Client::builder()
        .connector(connector)
        .disable_timeout()
        .disable_redirects()
        .no_default_headers()
        .finish()
}

/// A call of the backend: a request, and the worker's transport.
#[derive(Clone)]
pub struct BackendCall {
    /// The transport of the caller's thread.
    pub transport: Rc<HttpTransport>,
    /// What is asked. All requests are GETs, so they can be repeated (RFC 9110, 9.2.2).
    pub request: BackendRequest,
}

impl Operation for BackendCall {
    type Answer = BackendResponse;
    type Error = BackendError;

    async fn run(&self, attempt: Attempt<'_>) -> Result<BackendResponse, BackendError> {
        self.transport.send(&self.request, attempt).await
    }

    fn classify(&self, result: &Result<BackendResponse, BackendError>) -> Verdict {
        let (outcome, code) = match result {
            Ok(response) => (outcome_of(response.status), Some(response.status)),
            Err(BackendError::Unreachable(_)) => (Outcome::Unreachable, None),
            Err(BackendError::LocalShortage(_)) => (Outcome::LocalShortage, None),
            Err(BackendError::Redirect(status)) => (Outcome::Redirect, Some(*status)),
            Err(BackendError::Unusable { status, .. }) => (Outcome::Unusable, *status),
        };
        let retry_after = result.as_ref().ok().and_then(|response| response.retry_after);
        let code = code.map(|code| code.as_u16());
        let refused = matches!(code, Some(429 | 503));
        Verdict { outcome, code, refused, retry_after }
    }

    fn trace_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.request.trace.trace_id().to_string()))
    }

    fn timed_out(&self) {
        // Idle connections may be dead as well (firewall, dead host). Each would cost a call one timeout.
        self.transport.connections.close_idle();
    }
}

/// Maps the status of a usable response to an outcome.
fn outcome_of(status: StatusCode) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Success,
        408 | 425 => Outcome::Transient,
        429 => Outcome::Throttled,
        400..=499 => Outcome::ClientError,
        501 => Outcome::Unsupported,
        500..=599 => Outcome::ServerError,
        _ => Outcome::Unusable,
    }
}

/// Converts awc's error of a request that got no response head.
fn unsent(error: SendRequestError) -> BackendError {
    if let Some(shortage) = io_error(&error).and_then(Shortage::of) {
        return BackendError::LocalShortage(shortage.to_string());
    }
    match error {
        SendRequestError::Connect(ConnectError::Disconnected) => {
            BackendError::Unreachable("connection closed before a byte of answer".into())
        }
        SendRequestError::Connect(error) => BackendError::Unreachable(connect_failure(&error)),
        SendRequestError::Send(error) => BackendError::Unreachable(error.to_string()),
        SendRequestError::Response(ParseError::Io(error)) => match CutOff::of(&error) {
            None => {
                let reason = format!("{} before an answer", io_errors::describe(&error));
                BackendError::Unreachable(reason)
            }
            Some(end) => malformed_head(end),
        },
        SendRequestError::Response(error) => malformed_head(&error),
        error => BackendError::Unusable { status: None, reason: error.to_string() },
    }
}

fn io_error(error: &SendRequestError) -> Option<&io::Error> {
    match error {
        SendRequestError::Connect(ConnectError::Io(error))
        | SendRequestError::Send(error)
        | SendRequestError::Response(ParseError::Io(error)) => Some(error),
        _ => None,
    }
}

fn malformed_head(error: &dyn std::fmt::Display) -> BackendError {
    BackendError::Unusable { status: None, reason: format!("malformed head: {error}") }
}

/// Describes a connect error without the text that awc puts around it.
fn connect_failure(error: &ConnectError) -> String {
    match error {
        ConnectError::Io(error) => io_errors::describe(error),
        error => error.to_string(),
    }
}
