//! Files of pages. They are part of the binary and load nothing from other hosts.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

/// Content types of files.
pub const HTML: &str = "text/html; charset=utf-8";
/// See [`HTML`].
pub const CSS: &str = "text/css; charset=utf-8";
/// See [`HTML`].
pub const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Allows only the page's own files and endpoints, and no frames.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A file of a page.
#[derive(Debug)]
pub struct StaticFile {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
    fingerprint: u64,
}

impl StaticFile {
    /// The file with this path and content type.
    pub const fn new(path: &'static str, kind: &'static str, content: &'static str) -> Self {
        Self { path, kind, content, fingerprint: fingerprint(content) }
    }

    /// Its path.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The file, or 304 if the browser has this version.
    pub fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let tag = format!("\"{:016x}\"", self.fingerprint);
        let known = is_known(request, &tag);
        let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header((ETAG, tag))
            // Browsers may keep the file but must ask for a newer version each time.
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((REFERRER_POLICY, "no-referrer"));
        if known {
            return answer.finish();
        }
        answer.insert_header((CONTENT_TYPE, self.kind)).body(self.content)
    }
}

/// True if the browser has this version (RFC 9110, 13.1.2: a weak comparison).
fn is_known(request: &HttpRequest, tag: &str) -> bool {
    let values = request.headers().get_all(IF_NONE_MATCH).filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// A 64-bit FNV-1a hash, which changes with the content. The compiler evaluates it.
const fn fingerprint(content: &str) -> u64 {
    let bytes = content.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
