//! The head of the request to the upstream.

use actix_web::{
    HttpRequest,
    http::{
        StatusCode, Uri,
        header::{
            CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE, USER_AGENT,
        },
    },
};
use service_edge::{ApiError, TraceContext, trace::TRACEPARENT};

use super::{
    default_headers::DefaultHeaders,
    forwarded::{Peer, Pseudonym},
    hop_by_hop::remove_hop_by_hop,
    trusted_proxies::TrustedProxies,
};
use crate::transport::PRODUCT;

/// The header with an upstream's `token`. `Authorization` is for the upstream itself.
pub const UPSTREAM_TOKEN: HeaderName = HeaderName::from_static("x-upstream-token");

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the gateway knows of itself and of the proxies in front of it.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its name in `Via`.
    pub pseudonym: Pseudonym,
    /// The peers whose `X-Forwarded-*` and `Via` are kept.
    pub trusted_proxies: TrustedProxies,
}

impl Gateway {
    /// The headers of the request to the upstream whose URL is `base`. `span` is that of the call; each attempt may
    /// have a child of it in `traceparent`.
    ///
    /// - Headers of the connection are removed, and `Content-Length`: the request to the upstream gets its own framing
    ///   from its body. `Expect` is removed, because awc would take the connection for free with the body unsent. The
    ///   caller's `X-Upstream-Token` is removed.
    /// - `X-Forwarded-*`, `Via`, `Host` and `traceparent` are set. `User-Agent` is the gateway's only if the caller has
    ///   none.
    /// - `defaults` come last, and replace what has their names.
    ///
    /// # Errors
    /// Before the request's body is read:
    /// - 501 if the request has `Upgrade`, such as for a WebSocket.
    /// - 508 if it has come through this gateway before.
    pub fn request_headers(
        &self,
        request: &HttpRequest,
        base: &Uri,
        defaults: &DefaultHeaders,
        span: TraceContext,
    ) -> Result<HeaderMap, ApiError> {
        let received = request.headers();
        refuse_upgrade(received)?;
        self.pseudonym.refuse_loop(received)?;
        let mut headers = received.clone();
        remove_hop_by_hop(&mut headers);
        headers.remove(CONTENT_LENGTH);
        headers.remove(EXPECT);
        headers.remove(UPSTREAM_TOKEN);
        Peer::of(request, &self.trusted_proxies).set_headers(&mut headers, &self.pseudonym);
        headers.remove(HOST);
        if let Some(host) = host(base) {
            headers.insert(HOST, host);
        }
        // It belongs to a valid `traceparent` (Trace Context, 3.3).
        if TraceContext::received(received).is_none() {
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, span.header());
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        }
        defaults.set_on(&mut headers);
        Ok(headers)
    }
}

fn refuse_upgrade(headers: &HeaderMap) -> Result<(), ApiError> {
    headers.get(UPGRADE).map_or(Ok(()), |protocol| {
        let protocol = String::from_utf8_lossy(protocol.as_bytes());
        let message =
            format!("the gateway passes on HTTP/1.1 only, and does not upgrade to {protocol}");
        Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, message))
    })
}

/// The value of `Host`: without user information, and with a port only if the URL has one.
fn host(base: &Uri) -> Option<HeaderValue> {
    let authority = base.authority()?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    HeaderValue::from_str(host).ok()
}

#[cfg(test)]
#[path = "request_headers_tests.rs"]
mod tests;
