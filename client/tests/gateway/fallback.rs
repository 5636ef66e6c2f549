//! `fallback = "stale"`: the last good answer, for a request whose call has none.

use std::sync::{Arc, Mutex};

use resilience_testing::{
    Answer, PATIENCE,
    http::{Request, ask_raw},
    process::Process,
    server::{Gate, Server, http},
    until,
};

use super::gateway::{gateway, gateway_with};

const STALE: &str = "fallback = \"stale\"\nretry_max_attempts = 1\nbreaker_fail_max = 100";
const ERROR: &str = "500 Internal Server Error";

/// What an upstream answers.
#[derive(Clone)]
struct Script(Arc<Mutex<String>>);

impl Script {
    fn new(answer: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(answer.into())))
    }

    fn set(&self, answer: impl Into<String>) {
        *self.0.lock().unwrap() = answer.into();
    }

    /// An upstream that gives the answer of the moment to each request, with the number of the request in place of `#`.
    fn upstream(&self) -> Server {
        let (answer, number) = (Arc::clone(&self.0), Mutex::new(0));
        Server::start(move |mut peer| {
            while peer.request().is_some() {
                let number = {
                    let mut number = number.lock().unwrap();
                    *number += 1;
                    *number
                };
                let text = answer.lock().unwrap().replace('#', &number.to_string());
                peer.say(text);
            }
        })
    }

    /// A gateway in front of such an upstream.
    fn gateway(&self, settings: &str) -> Process {
        gateway_with(&self.upstream().url(), settings, &[("RUST_LOG", "debug")])
    }
}

fn good(headers: &str) -> String {
    http("200 OK", headers, "#")
}

fn failing() -> String {
    http(ERROR, "", "broken")
}

/// Status, body, and whether it is stale.
fn seen(answer: &Answer) -> (u16, &str, bool) {
    (answer.status, answer.text.as_str(), answer.header("x-resilience-stale").is_some())
}

fn kept(gateway: &Process) -> u64 {
    let shown = gateway.get("/api/upstreams/u").must_be_json().body;
    shown["policies"]["fallback"]["answers"].as_u64().unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn failures_and_rejections_get_the_last_good_answer_with_its_age() {
    let headers =
        "etag: \"7\"\r\nage: 100\r\nconnection: x-hop\r\nx-hop: 1\r\nx-resilience-stale: 5\r\n";
    let script = Script::new(good(headers));
    let settings = "fallback = \"stale\"\nretry_max_attempts = 2\nbreaker_fail_max = 1";
    let gateway = script.gateway(settings);
    let fresh = gateway.get("/upstreams/u/a");
    assert_eq!(seen(&fresh), (200, "1", false));
    assert_eq!(fresh.header("age"), Some("100"));

    script.set(failing());
    let failed = gateway.get("/upstreams/u/a");
    assert_eq!(seen(&failed), (200, "1", true));
    assert_eq!((failed.header("etag"), failed.header("x-hop")), (Some("\"7\""), None));
    let age: u64 = failed.header("x-resilience-stale").unwrap().parse().unwrap();
    assert_eq!(failed.header("age"), Some(&*(100 + age).to_string()));
    assert_eq!(failed.header("content-length"), Some("1"));
    assert_eq!(failed.header("x-resilience-attempts"), Some("2"));
    assert_eq!(failed.header("x-resilience-state"), Some("open"));
    let rejected = gateway.get("/upstreams/u/a");
    assert_eq!(seen(&rejected), (200, "1", true));
    assert_eq!(rejected.header("x-resilience-attempts"), Some("0"));
    gateway.get("/upstreams/u/b").assert_error(503, "Service Unavailable", "open");

    let calls = &gateway.get("/api/upstreams/u").body["calls"];
    for (key, count) in [("total_requests", 4), ("successful_requests", 1), ("stale_responses", 2)]
    {
        assert_eq!(calls[key], count, "{calls}");
    }
    assert_eq!(gateway.metric("client_stale_answers_total{name=\"u\"}"), 2);
    let events = gateway.get("/api/events/history?type=call&upstream=u").body;
    let event = &events["events"][1];
    assert_eq!((&event["outcome"], &event["status"]), (&"fallback".into(), &200.into()));
    assert!(event["stale_age_seconds"].is_number(), "{event}");
    gateway.wait_for_log("status 200 (stale), attempts: 2");
}

#[test]
fn callers_of_a_silent_or_dead_upstream_get_the_last_good_answer() {
    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    gate.set(true);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        passing.pass();
        peer.say(http("200 OK", "", "good"));
    });
    let settings =
        format!("{STALE}\nattempt_timeout = 0.3\nconnect_timeout = 0.3\ncall_deadline = 0.5");
    let gateway = gateway(&upstream.url(), &settings);
    assert_eq!(seen(&gateway.get("/upstreams/u/")), (200, "good", false));
    gate.set(false);
    assert_eq!(seen(&gateway.get("/upstreams/u/")), (200, "good", true));
    let soon = Request::new("GET /upstreams/u/").headers("x-request-deadline: 0.05\r\n");
    assert_eq!(seen(&gateway.ask(soon)), (200, "good", true));
    gate.set(true);
}

#[test]
fn no_request_gets_the_answer_to_another_one() {
    let script = Script::new(good(""));
    let gateway = script.gateway(STALE);
    let with = |line: &str, headers: &str| gateway.ask(Request::new(line).headers(headers));
    let plain = "GET /upstreams/u/a?b=c";
    // Each is answered well once, and then not.
    let requests = [
        (plain, ""),
        (plain, "accept: text/plain\r\n"),
        (plain, "x-api-key: k\r\n"),
        ("GET /upstreams/u/a", ""),
        ("GET /upstreams/u/%61?b=c", ""),
    ];
    let answers: Vec<_> = requests.iter().map(|(line, headers)| with(line, headers).text).collect();
    script.set(failing());
    for ((line, headers), answer) in requests.into_iter().zip(answers) {
        assert_eq!(seen(&with(line, headers)), (200, &*answer, true), "{line} {headers}");
    }
    for (line, headers) in [
        (plain, "authorization: Basic eDp5\r\n"),
        (plain, "cookie: a=b\r\n"),
        (plain, "range: bytes=0-1\r\n"),
        (plain, "if-none-match: \"a\"\r\n"),
        (plain, "cache-control: no-cache\r\n"),
        (plain, "x-api-key: l\r\n"),
        ("GET /upstreams/u/a?b=d", ""),
        ("POST /upstreams/u/a?b=c", ""),
    ] {
        assert_eq!(with(line, headers).status, 500, "{line} {headers}");
    }
    let mut caller = gateway.connect();
    caller.send("HEAD /upstreams/u/a?b=c");
    assert_eq!(caller.head().status, 500);
    let other_host = Request::new(plain).host("other");
    assert_eq!(gateway.ask(other_host).status, 500, "X-Forwarded-Host differs");
    let other_way = "x-request-id: 7\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    assert_eq!(seen(&with(plain, other_way)), (200, "1", true));
}

#[test]
fn the_answer_to_one_caller_is_not_kept_for_another() {
    let script = Script::new(good(""));
    let gateway = script.gateway(STALE);
    for headers in
        ["authorization: Basic eDp5\r\n", "cookie: a=b\r\n", "cache-control: no-store\r\n"]
    {
        let request = Request::new("GET /upstreams/u/").headers(headers);
        assert_eq!(gateway.ask(request).status, 200);
        assert_eq!(kept(&gateway), 0);
    }
    for answer in [
        good("set-cookie: a=b\r\n"),
        good("cache-control: private\r\n"),
        good("cache-control: max-age=60, must-revalidate\r\n"),
        good("vary: *\r\n"),
        http("202 Accepted", "", "later"),
    ] {
        script.set(&*answer);
        assert!([200, 202].contains(&gateway.get("/upstreams/u/").status));
        assert_eq!(kept(&gateway), 0, "{answer}");
        script.set(failing());
        assert_eq!(gateway.get("/upstreams/u/").status, 500, "{answer}");
    }
}

#[test]
fn a_newer_answer_or_a_change_drops_the_kept_one() {
    let script = Script::new(good(""));
    let gateway = script.gateway(STALE);
    for (line, answer, drops) in [
        ("GET /upstreams/u/a", http("404 Not Found", "", "gone"), true),
        ("GET /upstreams/u/a", http("302 Found", "location: /b\r\n", ""), true),
        ("GET /upstreams/u/a", good("set-cookie: a=b\r\n"), true),
        ("GET /upstreams/u/a", http("429 Too Many Requests", "", ""), false),
        ("PUT /upstreams/u/a", http("204 No Content", "", ""), true),
        ("PUT /upstreams/u/b", http("204 No Content", "", ""), false),
        ("PUT /upstreams/u/a", http("409 Conflict", "", ""), false),
        ("OPTIONS /upstreams/u/a", http("204 No Content", "", ""), false),
    ] {
        script.set(good(""));
        assert_eq!(gateway.get("/upstreams/u/a").status, 200);
        assert_eq!(kept(&gateway), 1);
        script.set(&*answer);
        let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(gateway.ask(line).status, status, "{line}");
        script.set(failing());
        let expected = if drops { 500 } else { 200 };
        assert_eq!(gateway.get("/upstreams/u/a").status, expected, "{line} {answer}");
    }
}

#[test]
fn answers_to_head_have_the_length_and_no_body() {
    let script = Script::new("HTTP/1.1 200 OK\r\ncontent-length: 7000\r\nx-own: 1\r\n\r\n");
    let gateway = script.gateway(STALE);
    let ask = || {
        let mut caller = gateway.connect();
        caller.send("HEAD /upstreams/u/");
        caller.head()
    };
    assert_eq!(ask().header("content-length"), Some("7000"));
    script.set(http(ERROR, "", ""));
    let stale = ask();
    assert_eq!(seen(&stale), (200, "", true));
    assert_eq!((stale.header("content-length"), stale.header("x-own")), (Some("7000"), Some("1")));
}

#[test]
fn a_body_is_kept_while_it_is_passed_on_and_only_whole() {
    let body = "x".repeat(200_000);
    let chunked = |parts: usize| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        format!("{head}{}0\r\n\r\n", format!("{:x}\r\n{body}\r\n", body.len()).repeat(parts))
    };
    let script = Script::new("");
    let gateway = script.gateway(&format!("{STALE}\nfallback_max_bytes = 300000"));
    for (path, answer, parts) in [
        ("/upstreams/u/a", http("200 OK", "", &body), 1),
        ("/upstreams/u/b", chunked(1), 1),
        ("/upstreams/u/c", http("200 OK", "", &body.repeat(2)), 2),
        ("/upstreams/u/d", chunked(2), 2),
    ] {
        let other = kept(&gateway);
        script.set(answer);
        let fresh = ask_raw(gateway.address(), format!("GET {path}").as_str());
        let size = fresh.split_once("\r\n\r\n").unwrap().1.matches('x').count();
        assert_eq!(size, parts * body.len(), "{path}: passed on, kept or not");
        script.set(failing());
        let later = gateway.get(path);
        let fits = parts == 1;
        assert_eq!(seen(&later), if fits { (200, &*body, true) } else { (500, "broken", false) });
        assert_eq!(kept(&gateway), if fits { 1 } else { other }, "{path}");
    }
}

#[test]
fn a_large_stale_answer_counts_as_a_stream_and_waits_for_its_reader() {
    const SIZE: usize = 16 * 1024 * 1024;
    let script = Script::new(http("200 OK", "", &"x".repeat(SIZE)));
    let settings = format!("{STALE}\nfallback_max_bytes = 20000000");
    let gateway = gateway_with(&script.upstream().url(), &settings, &[("MAX_STREAMS", "1")]);
    assert_eq!(gateway.get("/upstreams/u/").text.len(), SIZE);
    script.set(failing());
    let mut slow = gateway.connect();
    slow.send(Request::new("GET /upstreams/u/").close());
    slow.lines_until("200 OK");
    let refused = gateway.get("/upstreams/u/");
    refused.assert_error(503, "Service Unavailable", "maximum");
    assert_eq!(refused.header("x-resilience-stale"), None);
    let rest = slow.rest();
    assert_eq!(rest.split_once("\r\n\r\n").unwrap().1.len(), SIZE);
    until("the place is free", PATIENCE, || gateway.get("/upstreams/u/").status == 200);
}

#[test]
fn a_body_that_is_cut_off_or_not_read_to_its_end_is_not_kept() {
    let upstream = Server::start(|mut peer| {
        let Some(head) = peer.request() else { return };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\npart");
        if path == "/held" {
            peer.hold();
        }
    });
    let gateway = gateway(&upstream.url(), STALE);
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/cut");
    assert!(caller.rest_or_part().ends_with("part"));
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/held");
    let mut byte = [0];
    while byte != *b"t" {
        caller.read(&mut byte).unwrap();
    }
    drop(caller);
    until("the upstream's connection ends", PATIENCE, || upstream.open() == 0);
    assert_eq!(kept(&gateway), 0);
}

#[test]
fn an_answer_is_given_until_its_maximum_age_and_never_if_the_policy_is_off() {
    for settings in ["fallback = \"stale\"\nfallback_max_age = \"0.000001\"", "fallback = false"] {
        let script = Script::new(good(""));
        let gateway = script.gateway(&format!("retry_max_attempts = 1\n{settings}"));
        assert_eq!(gateway.get("/upstreams/u/").status, 200);
        script.set(failing());
        assert_eq!(seen(&gateway.get("/upstreams/u/")), (500, "broken", false));
    }
}
