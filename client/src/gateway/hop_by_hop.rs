//! Headers that are for one connection only (RFC 9110, 7.6.1). They are removed from requests and from answers before
//! anything is added, so that a caller cannot have a header of the gateway removed by naming it in `Connection`.

use actix_web::http::header::{
    CONNECTION, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

static NAMES: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// True if the header is for one connection only, whatever `Connection` names.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    NAMES.contains(name)
}

/// Removes these headers, and those that `Connection` names.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    for name in named.iter().chain(&NAMES) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn left(headers: &[(String, String)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        remove_hop_by_hop(&mut map);
        let mut names: Vec<_> = map.iter().map(|(name, _)| name.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn headers_of_the_connection_and_those_that_it_names_are_removed() {
        let headers = [
            ("Connection", "close, X-One"),
            ("connection", " ,x-TWO ;, \t x-three\t"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "close"),
            ("TE", "trailers"),
            ("Upgrade", "h2c"),
            ("X-One", "1"),
            ("x-one", "2"),
            ("X-Two", "not named: `x-TWO ;` is no name"),
            ("X-Three", "3"),
            ("X-Four", "4"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(left(&headers), ["x-four", "x-two"]);
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn what_is_left_is_neither_hop_by_hop_nor_named(
            names in prop::collection::vec("[a-c]|te|connection|keep-alive|upgrade|TRAILER", 0..12),
            connection in prop::collection::vec(" ?([A-C]|close|@|)\t?", 0..4),
        ) {
            let mut headers: Vec<_> = names.into_iter().map(|name| (name, "x".to_owned())).collect();
            headers.push(("Connection".to_owned(), connection.join(",")));
            let named: Vec<_> = connection.iter().map(|name| name.trim().to_lowercase()).collect();
            let mut expected: Vec<_> = headers
                .iter()
                .map(|(name, _)| name.to_lowercase())
                .filter(|name| name.len() == 1 && !named.contains(name))
                .collect();
            expected.sort();
            prop_assert_eq!(left(&headers), expected);
        }
    }
}
