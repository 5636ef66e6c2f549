//! A request as an operation: send it, read the response, classify both.

use std::{fmt, time::Instant};

use awc::{
    Client, ClientRequest,
    http::{
        Method, StatusCode,
        header::{EXPECT, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;

use super::{answer::Answer, client::HttpClient, error::HttpError};
use crate::{
    adapters::http,
    clock,
    operation::{Attempt, Operation},
    outcome::{Outcome, Verdict},
};

/// The maximum size of a body in bytes, unless [`HttpRequest::max_body`] sets another.
pub const MAX_BODY: usize = 2 << 20;

const REQUEST_DEADLINE: HeaderName = HeaderName::from_static(http::REQUEST_DEADLINE);

/// Sets `X-Request-Deadline` to the time that is left, if the caller of the attempt has set a
/// [deadline](crate::CallOptions::time_left).
pub fn insert_deadline(headers: &mut HeaderMap, attempt: &Attempt<'_>) {
    let Some(deadline) = attempt.deadline else { return };
    let left = http::time_left(deadline.saturating_duration_since(clock::now()));
    if let Ok(left) = HeaderValue::try_from(left) {
        headers.insert(REQUEST_DEADLINE, left);
    }
}

/// A final response: every status from 200 to 599.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body. Empty if `body_error` is set.
    pub body: Bytes,
    /// Why the body could not be read. Only for a status other than 2xx, which counts whatever its body is.
    pub body_error: Option<String>,
    verdict: Verdict,
}

/// A request to an upstream: an [`Operation`].
///
/// It may be repeated if its method is idempotent (RFC 9110, 9.2.2). It has the header `X-Request-Deadline` with the
/// time that is left if its caller has set a [deadline](crate::CallOptions::time_left), and never `Expect`, after which
/// awc would send the next request on a connection as the body of this one.
pub struct HttpRequest<F> {
    client: HttpClient,
    make: F,
    method: Method,
    body: Bytes,
    max_body: usize,
}

impl<F: Fn(&Client) -> ClientRequest> HttpRequest<F> {
    /// A request without a body. `make` is called for each attempt, and once here, to learn the method.
    pub fn new(client: &HttpClient, make: F) -> Self {
        let method = make(&client.client(false)).get_method().clone();
        Self { client: client.clone(), make, method, body: Bytes::new(), max_body: MAX_BODY }
    }

    /// Sends this body with each attempt.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Limits the body of the response, in bytes. By default [`MAX_BODY`].
    #[must_use]
    pub fn max_body(self, max_body: usize) -> Self {
        Self { max_body, ..self }
    }

    async fn send(&self, attempt: Attempt<'_>) -> Result<Answer, HttpError> {
        let mut request = (self.make)(&self.client.client(attempt.fresh_connection));
        request.headers_mut().remove(EXPECT);
        insert_deadline(request.headers_mut(), &attempt);
        let sent = match self.body.is_empty() {
            true => request.send(),
            false => request.send_body(self.body.clone()),
        };
        let answer = Answer::from(sent.await?);
        if answer.may_be_followed() && !self.is_bodyless(answer.status()) {
            // The connection is already back in the pool. No other task has run since: the `await` above returned in
            // the same poll.
            self.client.forget_connections();
        }
        Ok(answer)
    }

    /// True if a response with this status has no body, whatever its headers say (RFC 9112, 6.3).
    fn is_bodyless(&self, status: StatusCode) -> bool {
        let of_status = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        of_status || self.method == Method::HEAD
    }
}

impl<F: Fn(&Client) -> ClientRequest + 'static> Operation for HttpRequest<F> {
    type Answer = Response;
    type Error = HttpError;

    async fn run(&self, attempt: Attempt<'_>) -> Result<Response, HttpError> {
        read(self.send(attempt).await?, self.max_body, attempt.due).await
    }

    fn classify(&self, result: &Result<Response, HttpError>) -> Verdict {
        match result {
            Ok(response) => response.verdict,
            Err(error) => error.verdict(),
        }
    }

    fn is_idempotent(&self) -> bool {
        http::is_idempotent(self.method.as_str())
    }

    fn timed_out(&self) {
        // Idle connections may be dead as well (firewall, dead host). Each would cost a call one timeout.
        self.client.forget_connections();
    }
}

async fn read(
    mut answer: Answer,
    max_body: usize,
    due: Option<Instant>,
) -> Result<Response, HttpError> {
    let status = answer.status();
    let unusable = |reason| HttpError::Unusable { status: Some(status), reason };
    if !(200..600).contains(&status.as_u16()) {
        return Err(unusable(format!("unexpected status {}", status.as_u16())));
    }
    let (body, body_error) = if status.is_success() {
        (answer.body(max_body).await.map_err(|error| unusable(error.to_string()))?, None)
    } else {
        match answer.body_in_time(max_body, due).await {
            Ok(body) => (body, None),
            Err(error) => (Bytes::new(), Some(error.to_string())),
        }
    };
    // The caller may keep it, but not the buffer that it is a part of.
    let body = Bytes::copy_from_slice(&body);
    let verdict = if status == StatusCode::NOT_MODIFIED {
        // The request was a conditional one.
        Verdict { code: Some(status.as_u16()), ..Outcome::Success.into() }
    } else {
        http::verdict(status.as_u16(), answer.retry_after())
    };
    Ok(Response { status, headers: answer.headers().clone(), body, body_error, verdict })
}

impl<F> fmt::Debug for HttpRequest<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("body", &self.body)
            .field("max_body", &self.max_body)
            .finish_non_exhaustive()
    }
}
