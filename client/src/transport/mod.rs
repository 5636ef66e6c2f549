//! Carries requests to the backend over HTTP/1.1: the only user of awc.

mod connection_settings;
mod connections;
mod connector;
mod dial;
mod filter;
mod head;
mod io;
mod probe;
pub mod replicas;
mod request;
mod resolver;
mod response;
mod shortage;
mod socket;
pub mod tls;

use std::{borrow::Cow, rc::Rc, time::Duration};

use actix_web::http::{
    StatusCode, Uri,
    header::{ACCEPT, HeaderName, HeaderValue, USER_AGENT},
};
use awc::{Client, error::SendRequestError};
use resilience_actors::{
    Attempt, Operation, Outcome, ReportOf, Verdict,
    adapters::{
        awc::{Answer, HttpClient, HttpError, insert_deadline, io_error},
        http,
    },
};
use service_edge::trace::TRACEPARENT;

use crate::config::Config;
pub use connection_settings::ConnectionSettings;
pub use connections::ConnectionBudget;
use connections::Connections;
pub use probe::{ProbeError, ProbeTransport};
pub use request::{BackendRequest, Wanted};
use resolver::Resolver;
pub use response::BackendResponse;
use shortage::Shortage;
use socket::CutOff;

/// The header that overrides the backend's failure rate for one request.
const FAILURE_RATE: HeaderName = HeaderName::from_static("x-failure-rate");

/// The `User-Agent` of requests that have none of a caller.
pub(crate) const PRODUCT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// awc's own timeout, longer than any attempt: the scheduler's timeouts apply instead.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The result of a call to the backend.
pub type BackendReport = ReportOf<BackendCall>;

/// Why the backend gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The request did not reach the backend: name not resolved, connect refused or timed out, handshake of TLS
    /// failed, or connection closed before the first byte of a response.
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
    /// Its kept connections are forgotten when one of them may receive leftover bytes.
    client: HttpClient,
    connections: Rc<Connections>,
    max_response_bytes: usize,
    data: Uri,
    transient: Uri,
}

impl HttpTransport {
    /// Creates the transport. Opens no connection.
    pub fn new(config: &Config, budget: ConnectionBudget) -> Self {
        let settings = config.connections.clone();
        let (connections, resolver) = (Rc::new(Connections::new(budget)), Rc::default());
        let shared = Rc::clone(&connections);
        let make = move || client(&settings, Rc::clone(&resolver), Rc::clone(&shared));
        Self {
            client: HttpClient::new(make),
            connections,
            max_response_bytes: config.max_response_bytes,
            data: config.backend.join(request::DATA),
            transient: config.backend.join(request::TRANSIENT),
        }
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
        let client = self.client.client(attempt.fresh_connection);
        let mut http = client.get(match request.wanted {
            Wanted::Data { .. } => self.data.clone(),
            Wanted::Transient => self.transient.clone(),
        });
        // Inserted in place, because `insert_header` moves the whole request builder.
        let headers = http.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(TRACEPARENT, span.header());
        insert_deadline(headers, &attempt);
        if let Wanted::Data { failure_rate: Some(rate) } = request.wanted {
            http = http.insert_header((FAILURE_RATE, rate.to_string()));
        }
        // Keeps the connection in use until the response has been read.
        let (answer, _connection) =
            connector::track_connection(http.send(), attempt.connecting()).await;
        let answer = Answer::from(answer.map_err(unsent)?);
        if answer.may_be_followed() {
            // The connection is already back in the pool. The next request on it could receive the leftover bytes as
            // its response. No other task has run since the connection went back: the `await` above returned in
            // the same poll.
            self.client.forget_connections();
        }
        response::read(answer, self.max_response_bytes, attempt.due).await
    }
}

/// Creates a client with its own pool. awc's timeouts and pool limit are off: the scheduler bounds the time of each
/// attempt and the number of calls.
fn client(
    settings: &ConnectionSettings,
    resolver: Rc<Resolver>,
    connections: Rc<Connections>,
) -> Client {
    let connector = awc::Connector::new()
        .connector(connector::service(settings.clone(), resolver, connections))
        .timeout(NEVER)
        .conn_lifetime(settings.max_age)
        .conn_keep_alive(settings.idle_timeout)
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
        let (outcome, status) = match result {
            Ok(BackendResponse { status, retry_after, .. }) => {
                return http::verdict(status.as_u16(), *retry_after);
            }
            Err(BackendError::Unreachable(_)) => (Outcome::Unreachable, None),
            Err(BackendError::LocalShortage(_)) => (Outcome::LocalShortage, None),
            Err(BackendError::Redirect(status)) => (Outcome::Redirect, Some(*status)),
            Err(BackendError::Unusable { status, .. }) => (Outcome::Unusable, *status),
        };
        Verdict { code: status.map(|status| status.as_u16()), ..outcome.into() }
    }

    fn trace_id(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.request.trace.trace_id().to_string()))
    }

    fn timed_out(&self) {
        // Idle connections may be dead as well (firewall, dead host). Each would cost a call one timeout.
        self.transport.connections.close_idle();
    }
}

/// Converts awc's error of a request that got no response head.
fn unsent(error: SendRequestError) -> BackendError {
    if let Some(error) = io_error(&error) {
        if let Some(shortage) = Shortage::of(error) {
            return BackendError::LocalShortage(shortage.to_string());
        }
        if let Some(end) = CutOff::of(error) {
            let reason = format!("malformed head: {end}");
            return BackendError::Unusable { status: None, reason };
        }
    }
    HttpError::from(error).into()
}

impl From<HttpError> for BackendError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Unreachable(reason) => Self::Unreachable(reason),
            HttpError::LocalShortage(reason) => Self::LocalShortage(reason),
            HttpError::Unusable { status, reason } => Self::Unusable { status, reason },
            // The clients of this module have no timeout.
            HttpError::TimedOut => Self::Unusable { status: None, reason: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest as _, test::TestRequest};
    use service_edge::{REQUEST_DEADLINE, RequestDeadline};

    use super::*;

    #[actix_web::test]
    async fn what_is_sent_is_read_as_no_less() {
        assert_eq!(http::REQUEST_DEADLINE, REQUEST_DEADLINE.as_str());
        for nanos in [0, 1, 999, 1_000, 1_001, 1_500_000_001, 2_591_999_123_456_789] {
            let left = Duration::from_nanos(nanos);
            let sent = (http::REQUEST_DEADLINE, http::time_left(left));
            let request = TestRequest::default().insert_header(sent);
            let read = RequestDeadline::extract(&request.to_http_request()).await.unwrap();
            assert!(read.0 >= Some(left), "{left:?}: {read:?}");
        }
    }
}
