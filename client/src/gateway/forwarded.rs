//! What the gateway says about a request's way: `X-Forwarded-For`, `-Proto`, `-Host`, and `Via`.
//!
//! What the caller says about it is kept only if the caller is a trusted proxy: upstreams believe these headers, for
//! instance to decide who may do what.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    http::{
        StatusCode, Version,
        header::{
            FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, VIA, X_FORWARDED_FOR,
            X_FORWARDED_HOST, X_FORWARDED_PROTO,
        },
    },
};
use service_edge::ApiError;

use super::{header_name::with_dashes, trusted_proxies::TrustedProxies};

/// The name of this gateway in `Via` (RFC 9110, 7.6.3). Gateways behind each other need different names: each takes its
/// own for a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pseudonym(String);

impl Pseudonym {
    /// Characters that no token has become dashes.
    pub fn new(name: &str) -> Self {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        Self(name.chars().map(|c| if is_token(c) { c } else { '-' }).collect())
    }

    /// Refuses a request that has come through this gateway before. Finds no loop through a further gateway that does
    /// not trust this one, because that one replaces `Via`.
    ///
    /// # Errors
    /// 508 if `Via` has this name, whoever sent it.
    pub fn refuse_loop(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let entries = headers.get_all(VIA).flat_map(|value| value.as_bytes().split(|b| *b == b','));
        let is_own = |entry: &[u8]| {
            let mut words = entry.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.nth(1).is_some_and(|name| name.eq_ignore_ascii_case(self.0.as_bytes()))
        };
        if entries.into_iter().any(is_own) {
            let message = format!("the request has come through this gateway ({}) before", self.0);
            return Err(ApiError::new(StatusCode::LOOP_DETECTED, message));
        }
        Ok(())
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    address: Option<IpAddr>,
    is_trusted: bool,
    version: Version,
}

impl Peer {
    /// The peer of a request's connection.
    pub fn of(request: &HttpRequest, trusted: &TrustedProxies) -> Self {
        let address = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let is_trusted = address.is_some_and(|address| trusted.contains(address));
        Self { address, is_trusted, version: request.version() }
    }

    /// Sets the headers. `headers` are the caller's, with its `Host`.
    ///
    /// - `X-Forwarded-For` and `Via` get this hop behind those that a trusted peer names.
    /// - `X-Forwarded-Proto` and `X-Forwarded-Host` of a trusted peer stay. Otherwise they are `http` and `Host`.
    /// - Other such headers of a peer that is not trusted are removed.
    pub fn set_headers(self, headers: &mut HeaderMap, own: &Pseudonym) {
        if !self.is_trusted {
            let names: Vec<_> =
                headers.keys().filter(|name| is_about_the_way(name)).cloned().collect();
            for name in names {
                headers.remove(name);
            }
        }
        if let Some(address) = self.address {
            append(headers, X_FORWARDED_FOR, &address.to_string());
        }
        let version = if self.version == Version::HTTP_10 { "1.0" } else { "1.1" };
        append(headers, VIA, &format!("{version} {}", own.0));
        let host = headers.get(HOST).cloned();
        for (name, value) in
            [(X_FORWARDED_PROTO, Some(HeaderValue::from_static("http"))), (X_FORWARDED_HOST, host)]
        {
            if let Some(value) = value.filter(|_| !headers.contains_key(&name)) {
                headers.insert(name, value);
            }
        }
    }
}

/// True for headers that tell an upstream where a request comes from.
fn is_about_the_way(name: &HeaderName) -> bool {
    let name = with_dashes(name);
    name.starts_with("x-forwarded-")
        || [VIA.as_str(), FORWARDED.as_str(), "x-real-ip"].contains(&name.as_str())
}

/// Adds an item at the end of a list. Makes one header of several, because some servers read only the first or the
/// last.
fn append(headers: &mut HeaderMap, name: HeaderName, item: &str) {
    let mut list = Vec::new();
    for value in headers.get_all(&name) {
        list.extend_from_slice(value.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(item.as_bytes());
    // Cannot fail: all parts are of valid values.
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
#[path = "forwarded_tests.rs"]
mod tests;
