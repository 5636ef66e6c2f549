use proptest::prelude::*;

use super::*;

fn of(uri: &str) -> Result<(String, String, Option<String>), u16> {
    let uri: Uri = uri.parse().unwrap();
    let target = Target::of(&Method::GET, &uri).map_err(|error| error.status().as_u16())?;
    let query = target.query.map(str::to_owned);
    Ok((target.upstream.to_owned(), target.path.to_owned(), query))
}

fn at(base: &str, uri: &str) -> String {
    let (base, uri): (Uri, Uri) = (base.parse().unwrap(), uri.parse().unwrap());
    Target::of(&Method::GET, &uri).unwrap().at(&base).unwrap().to_string()
}

#[test]
fn the_first_segment_names_the_upstream_and_the_rest_is_kept_byte_for_byte() {
    for (uri, path, query) in [
        ("/upstreams/a/b", "/b", None),
        ("/upstreams/a/", "/", None),
        ("/upstreams/a", "/", None),
        ("/upstreams/a?", "/", Some("")),
        ("/upstreams/a?b=/../%2f\\%00?", "/", Some("b=/../%2f\\%00?")),
        ("/upstreams/a//b//?c", "//b//", Some("c")),
        ("/upstreams/a/%62%20+%C3%A9/|", "/%62%20+%C3%A9/|", None),
        ("/upstreams/a/%zz%/100%/%e2%82", "/%zz%/100%/%e2%82", None),
        ("/upstreams/a/.../.b/..c/d;e=..", "/.../.b/..c/d;e=..", None),
    ] {
        let expected = ("a".to_owned(), path.to_owned(), query.map(str::to_owned));
        assert_eq!(of(uri), Ok(expected), "{uri}");
    }
}

#[test]
fn paths_that_servers_read_differently_are_bad_requests() {
    for rest in [
        "a/../b",
        "a/..",
        "a/.",
        "a/./b",
        "../b",
        "a/%2e%2e/b",
        "a/.%2E",
        "a/%252e%252e/b",
        "a/%2%65%2e",
        "a/..;x=1/b",
        "a/%2e.%3bx/b",
        "a/b%2Fc",
        "a%2fb/c",
        "a/b%252fc",
        "a/b\\c",
        "a/..\\c",
        "a/b%5cc",
        "a/b%255Cc",
        "a/b%00",
        "a/b%0d%0aHost:x",
        "a/b%2500",
        "a/b%7f",
    ] {
        assert_eq!(of(&format!("/upstreams/{rest}")), Err(400), "{rest}");
    }
}

#[test]
fn urls_and_paths_without_an_upstream_are_refused() {
    for (uri, status) in [
        ("http://other/upstreams/a/b", 400),
        ("other:80", 400),
        ("/upstreams/", 404),
        ("/upstreams//b", 404),
        ("/upstreams", 404),
        ("/%75pstreams/a/b", 404),
        ("*", 404),
    ] {
        assert_eq!(of(uri), Err(status), "{uri}");
    }
}

#[test]
fn connect_and_trace_are_not_passed_on() {
    for (method, uri) in [(Method::CONNECT, "a:1"), (Method::TRACE, "/upstreams/a/b")] {
        let uri = uri.parse().unwrap();
        let error = Target::of(&method, &uri).unwrap_err();
        assert_eq!(error.status(), 405);
        assert!(error.headers().contains_key(ALLOW));
    }
    let uri: Uri = "/upstreams/a/b".parse().unwrap();
    for method in ["HEAD", "OPTIONS", "PROPFIND"] {
        assert!(Target::of(&method.parse().unwrap(), &uri).is_ok(), "{method}");
    }
}

#[test]
fn the_path_of_the_upstreams_url_is_put_in_front() {
    for (base, expected) in [
        ("http://up:5000", "http://up:5000/b%20c?d=%2F"),
        ("https://up/", "https://up/b%20c?d=%2F"),
        ("http://[::1]:1/api/v1", "http://[::1]:1/api/v1/b%20c?d=%2F"),
        ("http://up/api/", "http://up/api/b%20c?d=%2F"),
    ] {
        assert_eq!(at(base, "/upstreams/a/b%20c?d=%2F"), expected);
    }
    assert_eq!(at("http://up/api", "/upstreams/a"), "http://up/api/");
    assert_eq!(at("http://up", "/upstreams/a//evil/x"), "http://up//evil/x");
}

#[test]
fn a_uri_that_the_prefix_makes_too_long_is_refused() {
    let uri: Uri = format!("/upstreams/a/{}", "x".repeat(60_000)).parse().unwrap();
    let base: Uri = format!("http://up/{}", "y".repeat(6_000)).parse().unwrap();
    let error = Target::of(&Method::GET, &uri).unwrap().at(&base).unwrap_err();
    assert_eq!(error.status(), 414);
}

/// Paths of the parts that matter, in any order.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("/"),
        Just("."),
        Just(".."),
        Just("%"),
        Just("25"),
        Just("2e"),
        Just("2F"),
        Just("%2e"),
        Just("%2f"),
        Just("%5C"),
        Just("%00"),
        Just(";"),
        Just("a"),
        Just("%c3%a9"),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_path_that_is_passed_on_names_the_same_place_however_often_it_is_decoded(rest in paths()) {
        let uri: Uri = format!("/upstreams/up/{rest}").parse().unwrap();
        if let Ok(target) = Target::of(&Method::GET, &uri) {
            let base: Uri = "http://host/prefix".parse().unwrap();
            let at = target.at(&base).unwrap();
            prop_assert_eq!(at.path(), format!("/prefix/{rest}"));
            let mut path = at.path().as_bytes().to_vec();
            for _ in 0..3 {
                let text = String::from_utf8_lossy(&path).into_owned();
                prop_assert_eq!(text.matches('/').count(), at.path().matches('/').count());
                prop_assert!(!text.split('/').any(|segment| [".", ".."].contains(&segment)), "{}", text);
                prop_assert!(!text.contains(['\\', '\0', '\r', '\n']), "{}", text);
                path = percent_decode(&path).collect();
            }
        }
    }

    #[test]
    fn any_target_is_split_or_refused(uri in "[ -~]{0,40}") {
        if let Ok(uri) = format!("/upstreams/{uri}").parse::<Uri>()
            && let Ok(target) = Target::of(&Method::GET, &uri)
        {
            let query = target.query.map(|query| format!("?{query}")).unwrap_or_default();
            let slash = if uri.path().ends_with(target.upstream) && target.path == "/" { "" } else { target.path };
            let joined = format!("{PREFIX}{}{slash}{query}", target.upstream);
            prop_assert_eq!(joined, uri.to_string());
        }
    }
}
