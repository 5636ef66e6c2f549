use actix_web::test::TestRequest;
use proptest::prelude::*;

use super::*;

fn gateway() -> Gateway {
    Gateway { pseudonym: Pseudonym::new("gw"), trusted_proxies: "10.0.0.0/8".parse().unwrap() }
}

fn request(headers: &[(&str, &str)]) -> HttpRequest {
    let mut request = TestRequest::default().peer_addr("11.0.0.1:1".parse().unwrap());
    for header in headers {
        request = request.append_header(*header);
    }
    request.to_http_request()
}

fn passed_on(headers: &[(&str, &str)], defaults: &[(&str, &str)]) -> Result<HeaderMap, ApiError> {
    let mut added = DefaultHeaders::default();
    for (name, value) in defaults {
        added.add(name.parse().unwrap(), value.parse().unwrap()).unwrap();
    }
    let base = "http://user:secret@up:5000/prefix".parse().unwrap();
    gateway().request_headers(&request(headers), &base, &added, TraceContext::mint())
}

fn sorted(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let mut list: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    list.sort();
    list
}

#[test]
fn the_upstream_gets_what_is_for_it_and_what_the_gateway_adds() {
    let mut headers = passed_on(
        &[
            ("Host", "shop"),
            ("Accept", "a"),
            ("Cookie", "b"),
            ("Authorization", "callers"),
            ("Connection", "keep-alive, x-one, via, host"),
            ("X-One", "1"),
            ("Content-Length", "7"),
            ("Expect", "100-continue"),
            ("User-Agent", "curl"),
            ("X-Forwarded-For", "1.1.1.1"),
        ],
        &[("Authorization", "ours")],
    )
    .unwrap();
    headers.remove(TRACEPARENT);
    let expected = [
        ("accept", "a"),
        ("authorization", "ours"),
        ("cookie", "b"),
        ("host", "up:5000"),
        ("user-agent", "curl"),
        ("via", "1.1 gw"),
        ("x-forwarded-for", "11.0.0.1"),
        ("x-forwarded-proto", "http"),
    ];
    assert_eq!(sorted(&headers), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn without_a_user_agent_the_gateway_names_itself() {
    let headers = passed_on(&[], &[]).unwrap();
    assert_eq!(headers.get(USER_AGENT).unwrap(), PRODUCT);
}

#[test]
fn a_default_host_wins_over_that_of_the_url() {
    let headers = passed_on(&[("Host", "shop")], &[("Host", "virtual")]).unwrap();
    assert_eq!(headers.get_all(HOST).collect::<Vec<_>>(), ["virtual"]);
    assert_eq!(headers.get("x-forwarded-host").unwrap(), "shop");
}

#[test]
fn the_trace_is_continued_in_the_given_span() {
    let received = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (traceparent, keeps_state) in [(received, true), ("00-bad", false)] {
        let request = request(&[("traceparent", traceparent), ("tracestate", "vendor=1")]);
        let span =
            TraceContext::received(request.headers()).unwrap_or_else(TraceContext::mint).child();
        let base = "http://up".parse().unwrap();
        let headers =
            gateway().request_headers(&request, &base, &DefaultHeaders::default(), span).unwrap();
        assert_eq!(headers.get_all(TRACEPARENT).collect::<Vec<_>>(), [span.header()]);
        assert_eq!(headers.contains_key(TRACESTATE), keeps_state);
    }
}

#[test]
fn upgrades_and_loops_are_refused() {
    for (header, status, says) in [
        (("Upgrade", "websocket"), 501, "does not upgrade to websocket"),
        (("Via", "1.1 gw"), 508, "through this gateway"),
    ] {
        let error = passed_on(&[("Connection", "upgrade, via"), header], &[]).unwrap_err();
        assert_eq!(error.status(), status);
        assert!(error.message().contains(says), "{error}");
    }
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn no_caller_decides_the_framing_or_the_destination(
        names in prop::collection::vec(
            "connection|host|te|expect|content-length|transfer-encoding|x-forwarded-for|keep-alive|a",
            0..10,
        ),
        value in "[ -~]{0,12}",
    ) {
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
        let passed = passed_on(&headers, &[]).unwrap();
        for gone in ["connection", "te", "expect", "content-length", "transfer-encoding", "keep-alive"] {
            prop_assert!(!passed.contains_key(gone), "{}", gone);
        }
        prop_assert_eq!(passed.get_all(HOST).collect::<Vec<_>>(), ["up:5000"]);
        prop_assert_eq!(passed.get_all("x-forwarded-for").collect::<Vec<_>>(), ["11.0.0.1"]);
    }
}
