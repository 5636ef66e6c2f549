use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<UpstreamUrl, String> {
    UpstreamUrl::read("BACKEND_URL", text.to_owned()).map_err(|error| error.to_string())
}

/// True if `text` is `http://host[:port][/]`, or the same with `https`.
fn oracle(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (None, port),
            _ => return false,
        },
        None => {
            let end = rest.find(':').unwrap_or(rest.len());
            (Some(&rest[..end]), &rest[end..])
        }
    };
    let is_name = |name: &str| {
        (1..=253).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let is_port = |port: &str| {
        port.bytes().all(|digit| digit.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    host.is_none_or(is_name) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn texts() -> impl Strategy<Value = String> {
    let host = "(\\[[0-9a-f:]{0,10}\\]|\\[::1\\]|[a-zA-Z0-9._-]{0,12}|10\\.0\\.0\\.7|[ -~]{0,6})";
    let near = format!(
        "(http|https|HTTP|ftp)://{host}(:[0-9]{{0,6}}|:[+-]?[0-9a-z]{{0,3}})?(/|//|/x|\\?q|#f)?"
    );
    let near = proptest::string::string_regex(&near).unwrap();
    prop_oneof![
        4 => near,
        1 => any::<String>(),
        1 => any::<String>().prop_map(|rest| format!("http://{rest}")),
        1 => (1_usize..70_000).prop_map(|length| format!("http://{}", "h".repeat(length))),
    ]
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn only_an_origin_is_accepted(text in texts()) {
        match parse(&text) {
            Ok(url) => {
                prop_assert!(oracle(&text), "{} is taken", text);
                prop_assert_eq!(url.is_https(), text.starts_with("https"));
                // The client connects to the host and port in the text. awc is given `http` always.
                let (host, port) = url.host_and_port();
                let joined = url.join("/api/data").to_string();
                let origin = text.strip_suffix('/').unwrap_or(&text);
                prop_assert_eq!(&url.to_string(), origin);
                let (_, authority) = origin.split_once("://").unwrap();
                prop_assert_eq!(&joined, &format!("http://{authority}/api/data"));
                let host_header = url.host_header();
                prop_assert_eq!(host_header.as_bytes(), authority.as_bytes());
                prop_assert!(text.contains('[') || text.to_lowercase().contains(&host) && port > 0);
                let named = [format!(":{port}"), ":0".to_owned()];
                let default = if url.is_https() { 443 } else { 80 };
                prop_assert!(port == default || named.iter().any(|named| text.contains(named)));
            }
            Err(error) => {
                prop_assert!(!oracle(&text), "{}", error);
                prop_assert!(error.starts_with("BACKEND_URL="), "{}", error);
                prop_assert!(error.len() < 4_000 && !error.contains(char::is_control), "{}", error);
            }
        }
    }

    #[test]
    fn a_password_is_not_shown(
        scheme in "(http://|https://|//|)",
        user in "[a-z]{0,4}",
        password in "[A-Z@:/]{1,8}HIDE[A-Z@:/]{1,8}",
    ) {
        let error = parse(&format!("{scheme}{user}:{password}@backend:5000")).unwrap_err();
        prop_assert!(!error.contains("HIDE"), "{}", error);
        prop_assert!(error.contains("(hidden)@backend:5000"), "{}", error);
    }
}

#[test]
fn urls_are_equal_if_they_mean_the_same() {
    let equal = |one: &str, other: &str| parse(one).unwrap() == parse(other).unwrap();
    for (one, other) in [
        ("http://a", "http://a/"),
        ("http://a", "http://a:80"),
        ("http://a:80", "http://a:0080/"),
        ("https://a", "https://a:443"),
        ("http://A.test:1", "http://a.Test:1"),
        ("http://[::1]:1", "http://[0:0::0001]:1"),
        ("http://[FD00::a]", "http://[fd00::A]:80"),
    ] {
        assert!(equal(one, other) && equal(other, one), "{one} {other}");
    }
    for (one, other) in [
        ("http://a", "https://a"),
        ("http://a:443", "https://a:443"),
        ("http://a", "http://a:8080"),
        ("http://a", "http://a."),
        ("http://a", "http://b"),
    ] {
        assert!(!equal(one, other), "{one} {other}");
    }
}

#[test]
fn a_query_is_not_shown() {
    for (url, shown) in [
        ("http://a/?token=secret", "http://a/?(hidden)"),
        ("http://u:secret@a/x?token=secret", "http://(hidden)@a/x?(hidden)"),
        ("http://a/?token=secret@rest", "http://(hidden)"),
        ("a?secret", "a?(hidden)"),
    ] {
        let error = parse(url).unwrap_err();
        assert!(error.starts_with(&format!("BACKEND_URL={shown:?} is")), "{error}");
    }
}

#[test]
fn a_port_is_a_number_above_zero() {
    for port in ["+1", "-1", "0", "", "65536", "0x50", " 1", "1 "] {
        for host in ["backend", "[::1]"] {
            assert!(parse(&format!("http://{host}:{port}")).is_err(), "{host}:{port}");
        }
    }
}

#[test]
fn a_malformed_host_is_refused() {
    let long = "h".repeat(254);
    for host in ["a,b", "*", "a%41", "(b)", "a=b", "$HOST", "[::1", "[v1.x]", "[::1%25eth0]", &long]
    {
        assert!(parse(&format!("http://{host}:5000")).is_err(), "{host}");
    }
    assert!(parse(&format!("http://{}", &long[1..])).is_ok());
}
