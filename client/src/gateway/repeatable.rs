//! Which requests may be sent more than once.

use actix_web::http::{
    Method,
    header::{HeaderMap, HeaderName},
};

/// The header with which a caller says that the upstream does a request once, however often it gets it
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// True if a request does the same whether the upstream gets it once or several times, so that it may be retried and
/// hedged once its body is [held](super::body::RequestBody::Held).
///
/// `headers` are those that the upstream gets: a caller can have its own removed by naming them in `Connection`.
///
/// GET, HEAD, OPTIONS, PUT and DELETE are idempotent (RFC 9110, 9.2.2). Other methods are if the request has an
/// `Idempotency-Key` that is not empty, or if its route says so.
pub fn is_idempotent(method: &Method, headers: &HeaderMap, route_says_so: bool) -> bool {
    let by_definition =
        [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE].contains(method);
    let has_key = || headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty());
    by_definition || route_says_so || has_key()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_idempotent_by_its_method_its_key_or_its_route() {
        let none = HeaderMap::new();
        let with_key = |key: &str| [(IDEMPOTENCY_KEY, key.parse().unwrap())].into_iter().collect();
        for (method, by_definition) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", false),
            ("PATCH", false),
            ("PROPFIND", false),
            ("get", false),
        ] {
            let method = method.parse().unwrap();
            assert_eq!(is_idempotent(&method, &none, false), by_definition, "{method}");
            assert_eq!(is_idempotent(&method, &with_key(""), false), by_definition, "{method}");
            assert!(is_idempotent(&method, &with_key("7"), false), "{method}");
            assert!(is_idempotent(&method, &none, true), "{method}");
        }
    }
}
