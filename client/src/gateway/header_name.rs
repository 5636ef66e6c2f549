//! Names of headers as upstreams see them.

use actix_web::http::header::HeaderName;

/// The name with dashes for underscores. Servers that hand headers on as variables (CGI, WSGI, PHP) take both for the
/// same.
pub(super) fn with_dashes(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}
