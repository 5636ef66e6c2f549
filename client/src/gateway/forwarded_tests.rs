use actix_web::test::TestRequest;
use proptest::prelude::*;

use super::*;

fn request(peer: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
    for header in headers {
        request = request.append_header(*header);
    }
    request.to_http_request()
}

/// The headers that the upstream gets, in order of their names.
fn set(peer: &str, headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let request = request(peer, headers);
    let mut map = request.headers().clone();
    let trusted = "10.0.0.0/8".parse().unwrap();
    Peer::of(&request, &trusted).set_headers(&mut map, &Pseudonym::new("gw"));
    let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
    let mut headers: Vec<_> =
        map.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    headers.sort();
    headers
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const CLAIMS: [(&str, &str); 9] = [
    ("host", "shop"),
    ("x-forwarded-for", "1.1.1.1"),
    ("x-forwarded-for", "2.2.2.2, 3.3.3.3"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "shop.example"),
    ("x-forwarded-port", "443"),
    ("forwarded", "for=1.1.1.1"),
    ("x-real-ip", "1.1.1.1"),
    ("via", "1.1 edge (a, b)"),
];

#[test]
fn what_an_unknown_peer_claims_is_replaced_by_what_the_gateway_sees() {
    let expected = owned(&[
        ("host", "shop"),
        ("via", "1.1 gw"),
        ("x-forwarded-for", "11.0.0.1"),
        ("x-forwarded-host", "shop"),
        ("x-forwarded-proto", "http"),
    ]);
    assert_eq!(set("11.0.0.1", &CLAIMS), expected);
    let underscored = [("host", "shop"), ("X_Forwarded_For", "1.1.1.1"), ("x_real_ip", "1.1.1.1")];
    assert_eq!(set("11.0.0.1", &underscored), expected);
}

#[test]
fn what_a_trusted_proxy_says_is_kept_and_gets_this_hop_at_its_end() {
    let expected = owned(&[
        ("forwarded", "for=1.1.1.1"),
        ("host", "shop"),
        ("via", "1.1 edge (a, b), 1.1 gw"),
        ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 3.3.3.3, 10.1.1.1"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
        ("x-real-ip", "1.1.1.1"),
    ]);
    assert_eq!(set("10.1.1.1", &CLAIMS), expected);
    assert_eq!(set("[::ffff:10.1.1.1]", &CLAIMS), expected, "the same address in an IPv6 socket");
}

#[test]
fn a_trusted_proxy_that_says_nothing_is_the_first_hop() {
    let expected =
        owned(&[("via", "1.1 gw"), ("x-forwarded-for", "10.1.1.1"), ("x-forwarded-proto", "http")]);
    assert_eq!(set("10.1.1.1", &[]), expected);
}

#[test]
fn a_request_that_has_been_here_before_is_a_loop() {
    let own = Pseudonym::new("gw.1");
    for (via, is_loop) in [
        (&["1.1 gw.1"][..], true),
        (&["1.1 edge", "1.0 other,HTTP/1.1   GW.1 (comment)"], true),
        (&["1.1 edge (a, b), 1.1 gw.1"], true),
        (&["1.1 gw.10", "1.1 x (gw.1)", "gw.1", "gw.1 other", ""], false),
        (&[], false),
    ] {
        let headers: Vec<_> = via.iter().map(|value| ("via", *value)).collect();
        let refused = own.refuse_loop(request("11.0.0.1", &headers).headers());
        assert_eq!(
            refused.err().map(|error| error.status().as_u16()),
            is_loop.then_some(508),
            "{via:?}"
        );
    }
}

#[test]
fn a_pseudonym_is_a_token() {
    assert_eq!(Pseudonym::new("pod 1,(é)\r\n").0, "pod-1-----".to_owned() + "-");
    assert_eq!(Pseudonym::new("client-7f9c.x_y").0, "client-7f9c.x_y");
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_gateway_finds_the_entry_that_it_has_made(
        before in prop::collection::vec("[ -~]{0,20}", 0..4),
        after in "[ -~]{0,20}",
        name in "[a-z.]{1,8}",
    ) {
        let own = Pseudonym::new(&name);
        let via: Vec<_> = before.iter().map(|value| ("via", value.as_str())).collect();
        let request = request("10.0.0.1", &via);
        let mut headers = request.headers().clone();
        Peer::of(&request, &"10.0.0.1".parse().unwrap()).set_headers(&mut headers, &own);
        prop_assert_eq!(headers.get_all(VIA).count(), 1);
        append(&mut headers, VIA, &after);
        prop_assert!(own.refuse_loop(&headers).is_err());
    }
}
