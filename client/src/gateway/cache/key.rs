//! Which requests can get each other's answers: those with the same key.

use actix_web::http::{
    Method, Uri,
    header::{
        AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, PRAGMA,
        PROXY_AUTHORIZATION, RANGE, TRANSFER_ENCODING,
    },
};

/// A request with one of these, or a condition (`If-*`), needs an answer of its own. Credentials: a shared cache must
/// not use the answer for others (RFC 9111, 3.5). `Cache-Control` and its predecessor: the caller may refuse answers
/// that are not its own (5.2.1). The last two: it has a body.
static NEEDS_OWN_ANSWER: [HeaderName; 8] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    COOKIE,
    RANGE,
    CACHE_CONTROL,
    PRAGMA,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
];

/// Headers about the hops, the trace or the deadline of one request. All other headers are part of the key.
static NOT_IN_KEY: [&str; 13] = [
    "b3",
    "traceparent",
    "tracestate",
    "via",
    "x-amzn-trace-id",
    "x-b3-parentspanid",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-correlation-id",
    "x-forwarded-for",
    "x-real-ip",
    "x-request-deadline",
    "x-request-id",
];

/// All of a request to an upstream that can select its answer. Those with the same target are next to each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::gateway) struct RequestKey {
    /// Path and query, raw, as the upstream gets them.
    target: Box<str>,
    is_head: bool,
    /// Names and values, with their lengths.
    headers: Box<[u8]>,
}

impl RequestKey {
    /// The key of a request that the caller sent with the headers `received`, and that goes to `uri` at the upstream
    /// with the headers `sent`. `None` if it needs an answer of its own: it is neither GET nor HEAD, has a body,
    /// credentials, a range, a condition, or `Cache-Control`.
    pub(in crate::gateway) fn of(
        method: &Method,
        uri: &Uri,
        received: &HeaderMap,
        sent: &HeaderMap,
    ) -> Option<Self> {
        let is_head = method == Method::HEAD;
        let needs_its_own =
            |name: &HeaderName| NEEDS_OWN_ANSWER.contains(name) || name.as_str().starts_with("if-");
        if !(is_head || method == Method::GET) || received.keys().any(needs_its_own) {
            return None;
        }
        let mut headers: Vec<_> =
            sent.iter().filter(|(name, _)| is_in_key(name.as_str())).collect();
        // Stable: the values of one name stay in their order.
        headers.sort_by_key(|(name, _)| name.as_str());
        let mut bytes = Vec::new();
        for (name, value) in headers {
            for part in [name.as_str().as_bytes(), value.as_bytes()] {
                bytes.extend_from_slice(&part.len().to_ne_bytes());
                bytes.extend_from_slice(part);
            }
        }
        Some(Self { is_head, headers: bytes.into(), ..Self::first_at(uri) })
    }

    /// The first of all keys with the target of `uri`.
    pub(super) fn first_at(uri: &Uri) -> Self {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        Self { target: target.into(), is_head: false, headers: Box::default() }
    }

    /// True if both have the same target.
    pub(super) fn is_at_target_of(&self, other: &Self) -> bool {
        self.target == other.target
    }

    /// Number of bytes.
    pub(super) fn size(&self) -> usize {
        self.target.len() + self.headers.len()
    }
}

/// True if requests whose headers of this name (in lower case) differ have different keys.
pub(super) fn is_in_key(name: &str) -> bool {
    !NOT_IN_KEY.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let pairs =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect()
    }

    fn key(line: &str, headers: &[(&str, &str)]) -> Option<RequestKey> {
        let (method, target) = line.split_once(' ').unwrap();
        let uri = format!("http://u{target}").parse().unwrap();
        RequestKey::of(&method.parse().unwrap(), &uri, &map(headers), &map(headers))
    }

    #[test]
    fn a_request_with_a_body_credentials_or_cache_directives_needs_an_answer_of_its_own() {
        for line in ["POST /", "PUT /", "DELETE /", "OPTIONS /", "PROPFIND /", "get /"] {
            assert_eq!(key(line, &[]), None, "{line}");
        }
        for (name, value) in [
            ("Authorization", "Basic eDp5"),
            ("Proxy-Authorization", "Basic eDp5"),
            ("Cookie", "a=b"),
            ("Range", "bytes=0-1"),
            ("If-None-Match", "\"a\""),
            ("If-Modified-Since", "x"),
            ("If-Range", "x"),
            ("If-Later", "x"),
            ("Cache-Control", "no-store"),
            ("Cache-Control", "max-age=0"),
            ("Pragma", "no-cache"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert_eq!(key("GET /", &[(name, value)]), None, "{name}");
        }
        assert!(key("GET /", &[]).is_some() && key("HEAD /", &[]).is_some());
    }

    #[test]
    fn credentials_of_the_file_are_the_same_for_all_callers() {
        let (uri, sent) = ("http://u/".parse().unwrap(), map(&[("Authorization", "a")]));
        assert!(RequestKey::of(&Method::GET, &uri, &map(&[]), &sent).is_some());
    }

    #[test]
    fn whatever_can_select_the_answer_makes_another_key() {
        let headers = [("Accept", "a/b"), ("X-Api-Key", "k"), ("X-Api-Key", "l")];
        let one = key("GET /a?b=c", &headers);
        for other in [
            key("HEAD /a?b=c", &headers),
            key("GET /a?b=d", &headers),
            key("GET /a", &headers),
            key("GET /%61?b=c", &headers),
            key("GET /a?b=c", &headers[..2]),
            key("GET /a?b=c", &[headers[0], headers[2], headers[1]]),
            key("GET /a?b=c", &[("Accept", "a/b"), ("X-Api-Key", "kl")]),
            key("GET /a?b=c", &[headers[0], headers[1], headers[2], ("Accept-Language", "de")]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_way_of_a_request_and_the_order_of_its_headers_are_not_in_its_key() {
        let one = key("GET /a", &[("Accept", "a"), ("X-Y", "1")]);
        let other = [
            ("x-y", "1"),
            ("traceparent", "t"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("X-Request-Id", "7"),
            ("accept", "a"),
        ];
        assert_eq!(one, key("GET /a", &other));
    }
}
