//! Which upstream a request is for, and what is asked of it.
//!
//! Both are taken from the raw URI. `web::Path` is percent-decoded, and what an upstream gets must be what the caller
//! sent. Paths that servers read in different ways are refused, because a check of a path (a route's, or the prefix of
//! an upstream's URL) must hold for what the upstream makes of it.

use std::borrow::Cow;

use actix_web::http::{
    Method, StatusCode, Uri,
    header::ALLOW,
    uri::{Parts, PathAndQuery},
};
use percent_encoding::percent_decode;
use service_edge::ApiError;

/// What the paths of all requests to upstreams begin with.
pub const PREFIX: &str = "/upstreams/";

/// The methods that are answered, for `Allow`. Methods that are not registered are passed on, too.
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Maximum length of a path with its query in bytes: that of an `http::Uri`, which does not check it here.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// The target of a request to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The upstream's name, as the caller sent it. There may be none of this name.
    pub upstream: &'a str,
    /// The path at the upstream, which begins with a slash.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Splits the URI of a request.
    ///
    /// # Errors
    /// - 405 for CONNECT and TRACE.
    /// - 400 for a URI with scheme or authority, and for a path that, decoded once or twice, has a segment `.` or `..`,
    ///   more slashes than before, a backslash or a control character.
    /// - 404 if no upstream is named.
    pub fn of(method: &Method, uri: &'a Uri) -> Result<Self, ApiError> {
        if [Method::CONNECT, Method::TRACE].contains(method) {
            let error = ApiError::method_not_allowed(format!("{method} is not passed on"));
            return Err(error.with_header(ALLOW, ALLOWED));
        }
        if uri.scheme().is_some() || uri.authority().is_some() {
            return Err(ApiError::bad_request(
                "the target of the request must be a path, not a URL of another server",
            ));
        }
        let path = uri.path();
        if let Some(fault) = fault(path.as_bytes()) {
            return Err(ApiError::bad_request(format!("the path {path} has {fault}")));
        }
        let rest = path.strip_prefix(PREFIX).unwrap_or_default();
        let (upstream, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if upstream.is_empty() {
            return Err(ApiError::not_found(format!("a path is {PREFIX}NAME/PATH")));
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { upstream, path, query: uri.query() })
    }

    /// The URI at the upstream whose URL is `base`: a scheme, an authority, and a path that is put in front.
    ///
    /// # Errors
    /// 414 if path and query are over 65 534 bytes.
    pub fn at(&self, base: &Uri) -> Result<Uri, ApiError> {
        let prefix = base.path().trim_end_matches('/');
        let mut target = format!("{prefix}{}", self.path);
        if let Some(query) = self.query {
            target.push('?');
            target.push_str(query);
        }
        let mut parts: Parts = base.clone().into_parts();
        let fits = target.len() <= MAX_TARGET;
        let uri = PathAndQuery::try_from(target).ok().filter(|_| fits).and_then(|target| {
            parts.path_and_query = Some(target);
            Uri::from_parts(parts).ok()
        });
        uri.ok_or_else(|| {
            ApiError::new(StatusCode::URI_TOO_LONG, "the path is too long for the upstream's URL")
        })
    }
}

/// What makes servers disagree about a path: some decode it once, some twice, some not at all.
fn fault(path: &[u8]) -> Option<&'static str> {
    let once: Cow<'_, [u8]> = percent_decode(path).into();
    let twice: Cow<'_, [u8]> = percent_decode(&once).into();
    let slashes = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    if slashes(&twice) > slashes(path) {
        return Some("an encoded slash");
    }
    [path, &*once, &*twice].into_iter().find_map(|path| {
        if path.contains(&b'\\') {
            return Some("a backslash");
        }
        if path.iter().any(u8::is_ascii_control) {
            return Some("a control character");
        }
        path.split(|byte| *byte == b'/').any(is_dots).then_some("a segment . or ..")
    })
}

/// True for `.` and `..`, also with parameters: Tomcat takes `..;x` for `..`.
fn is_dots(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
    name == b"." || name == b".."
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
