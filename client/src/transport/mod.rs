//! Carries requests to the backend over HTTP/1.1: the only user of awc.

mod collector;
mod connection_settings;
mod connections;
mod connector;
mod dial;
mod filter;
mod head;
mod io;
mod place;
mod probe;
pub mod replicas;
mod request;
mod request_head;
mod resolver;
mod response;
mod shortage;
mod socket;
pub mod tls;
mod upload;
mod worker_client;

use std::{borrow::Cow, rc::Rc};

use actix_web::http::{
    Method, StatusCode, Uri,
    header::{ACCEPT, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use awc::SendClientRequest;
use resilience_actors::{
    Attempt, Operation, Outcome, ReportOf, Verdict,
    adapters::{
        awc::{HttpError, insert_deadline},
        http,
    },
};
use service_edge::trace::TRACEPARENT;

use crate::{
    traces::{self, Recording},
    upstream_url::UpstreamUrl,
};
pub use collector::{CollectorError, CollectorTransport};
pub use connection_settings::ConnectionSettings;
pub use connections::ConnectionBudget;
pub(crate) use connections::InUse;
pub use place::Place;
pub use probe::{ProbeError, ProbeTransport};
pub use request::{BackendRequest, Wanted};
pub(crate) use request_head::add_no_date;
pub use response::BackendResponse;
pub(crate) use response::is_regular_end;
pub(crate) use upload::{SLOW_CALLER, Upload, UploadProgress};
pub(crate) use worker_client::WorkerClient;

#[cfg(test)]
pub(crate) use dial::testing;

/// The header that overrides the backend's failure rate for one request.
const FAILURE_RATE: HeaderName = HeaderName::from_static("x-failure-rate");

/// The `User-Agent` of requests that have none of a caller.
pub(crate) const PRODUCT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

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
    client: WorkerClient,
    max_response_bytes: usize,
    /// The value of `Host`. awc would write it anew for each request.
    host: HeaderValue,
    data: Uri,
    transient: Uri,
}

impl HttpTransport {
    /// Creates the transport. Reads at most `max_response_bytes` of a body. Opens no connection.
    pub fn new(
        backend: &UpstreamUrl,
        connections: &ConnectionSettings,
        max_response_bytes: usize,
        budget: ConnectionBudget,
    ) -> Self {
        Self {
            client: WorkerClient::new(connections, budget),
            max_response_bytes,
            host: backend.host_header(),
            data: backend.join(request::DATA),
            transient: backend.join(request::TRANSIENT),
        }
    }

    /// Sends the request and reads the response.
    async fn send(
        &self,
        request: &BackendRequest,
        attempt: &Attempt<'_>,
    ) -> Result<BackendResponse, BackendError> {
        let (sending, recording) = self.request(request, attempt);
        let read = match self.client.send(sending, attempt, None, |_| false).await {
            // `_connection` is in use until the response has been read.
            Ok((mut answer, _connection)) => {
                response::read(&mut answer, self.max_response_bytes, attempt.due).await
            }
            Err(error) => Err(error.into()),
        };
        recording.end_with(read.as_ref().map(|response| response.status));
        read
    }

    /// Begins to send the request, and its span. Not a part of [`send`](Self::send), whose future would store the
    /// request for as long as it waits.
    fn request(
        &self,
        request: &BackendRequest,
        attempt: &Attempt<'_>,
    ) -> (SendClientRequest, Recording) {
        let span = request.trace.child();
        // Logged at the start, because an attempt that times out is dropped before its end.
        log::log!(
            span.level(),
            trace_id:% = span.trace_id(),
            span_id:% = span.span_id();
            "call {} attempt {}: sending to the backend", attempt.call, attempt.number
        );
        let recording = traces::attempt(request.trace, span, attempt.number, "GET");
        let uri = match request.wanted {
            Wanted::Data { .. } => self.data.clone(),
            Wanted::Transient => self.transient.clone(),
        };
        let mut http = self.client.request(Method::GET, uri, attempt);
        // Inserted in place, because `insert_header` moves the whole request builder.
        let headers = http.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        headers.insert(TRACEPARENT, span.header());
        insert_deadline(headers, attempt);
        // The conversion cannot fail: a number has only visible characters.
        if let Wanted::Data { failure_rate: Some(rate) } = request.wanted
            && let Ok(rate) = HeaderValue::try_from(rate.to_string())
        {
            headers.insert(FAILURE_RATE, rate);
        }
        (http.send(), recording)
    }
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
        self.transport.send(&self.request, &attempt).await
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
        self.transport.client.close_idle();
    }
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
    use std::time::Duration;

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
