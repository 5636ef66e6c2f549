//! What the upstream gets.

use std::sync::{Arc, Mutex};

use resilience_testing::{
    PATIENCE,
    http::Request,
    server::{Server, http, ok},
    until,
};

use super::gateway::{gateway, gateway_with};

#[test]
fn a_request_is_passed_on_with_its_path_and_query_and_without_headers_of_the_connection() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "[upstreams.u.headers]\nX-Team = \"checkout\"");
    let request = Request::new("GET /upstreams/u/a%20b/c?d=%2F&e").headers(
        "connection: x-mine\r\nx-mine: 1\r\nkeep-alive: 5\r\nte: trailers\r\nx-kept: 1\r\n",
    );
    let answer = gateway.ask(request);
    assert_eq!((answer.status, answer.text.as_str()), (200, "{}"));
    let head = upstream.heads().remove(0).to_lowercase();
    assert!(head.starts_with("get /a%20b/c?d=%2f&e http/1.1\r\n"), "{head}");
    let host = format!("host: {}\r\n", upstream.address());
    for line in [
        &host,
        "x-kept: 1\r\n",
        "x-team: checkout\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-host: test\r\n",
        "x-forwarded-proto: http\r\n",
        "via: 1.1 local-",
        "traceparent: 00-",
        "user-agent: client-service/",
    ] {
        assert!(head.contains(line), "{line:?} is not in {head}");
    }
    let absent = ["x-mine", "keep-alive", "\r\nte:", "content-length", "connection", "accept-enc"];
    for name in absent {
        assert!(!head.contains(name), "{name} is in {head}");
    }
}

#[test]
fn what_the_caller_says_of_the_way_is_kept_if_it_is_a_trusted_proxy() {
    let upstream = Server::answering(ok("{}"));
    let said = "x-forwarded-for: 203.0.113.7\r\nx-forwarded-host: shop.test\r\n\
                x-forwarded-proto: https\r\nvia: 1.0 edge\r\nforwarded: for=203.0.113.7\r\n";
    let kept = [
        "x-forwarded-for: 203.0.113.7, 127.0.0.1\r\n",
        "x-forwarded-host: shop.test\r\n",
        "x-forwarded-proto: https\r\n",
        "via: 1.0 edge, 1.1 local-",
        "forwarded: for=203.0.113.7\r\n",
    ];
    let replaced = [
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-host: test\r\n",
        "x-forwarded-proto: http\r\n",
        "via: 1.1 local-",
    ];
    for (trusted, lines, gone) in [
        ("10.0.0.0/8, 127.0.0.0/8", &kept[..], "no other"),
        ("10.0.0.0/8", &replaced, "203.0.113.7"),
    ] {
        let gateway = gateway_with(&upstream.url(), "", &[("TRUSTED_PROXIES", trusted)]);
        assert_eq!(gateway.ask(Request::new("GET /upstreams/u/").headers(said)).status, 200);
        let head = upstream.heads().pop().unwrap().to_lowercase();
        for line in lines {
            assert!(head.contains(&format!("\r\n{line}")), "{trusted}: {line:?} is not in {head}");
        }
        assert!(!head.contains(gone), "{trusted}: {gone} is in {head}");
    }
}

#[test]
fn the_upstream_gets_a_date_only_if_the_caller_has_sent_one() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    let date = "date: Tue, 15 Nov 1994 08:12:31 GMT\r\n";
    // In the second request, head and body are held and sent together; the third is streamed.
    for (line, body) in [("GET", 0), ("PUT", 1_000), ("PUT", 1_000_000)] {
        let request = Request::new(format!("{line} /upstreams/u/")).body("x".repeat(body));
        for sent in ["", date] {
            assert_eq!(gateway.ask(request.clone().headers(sent)).status, 200);
            let head = upstream.heads().pop().unwrap().to_lowercase();
            let dates: Vec<_> =
                head.split_inclusive('\n').filter(|it| it.starts_with("date:")).collect();
            assert_eq!(dates.concat(), sent.to_lowercase(), "{head}");
        }
    }
}

#[test]
fn the_trace_and_the_deadline_of_the_caller_go_on() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let headers =
        format!("traceparent: 00-{trace}-00f067aa0ba902b7-01\r\nx-request-deadline: 20\r\n");
    assert_eq!(gateway.ask(Request::new("GET /upstreams/u/").headers(headers)).status, 200);
    let head = upstream.heads().remove(0);
    assert!(head.contains(&format!("traceparent: 00-{trace}-")), "{head}");
    assert!(!head.contains("00f067aa0ba902b7"), "the attempt is a span of its own: {head}");
    let left = head.lines().find_map(|line| line.strip_prefix("x-request-deadline: ")).unwrap();
    let left: f64 = left.parse().unwrap();
    assert!(left > 0.0 && left < 20.0, "{left}");
    let history = gateway.get("/api/events/history?type=call&upstream=u").body;
    assert_eq!(history["events"][0]["deadline_seconds"], 20.0, "{history}");
}

#[test]
fn expect_is_answered_by_the_gateway_and_not_passed_on() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "");
    let mut caller = gateway.connect();
    caller.say("POST /upstreams/u/ HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(caller.head().status, 100);
    caller.say("hi");
    assert_eq!(caller.answer().status, 200);
    let head = upstream.heads().remove(0).to_lowercase();
    assert!(!head.contains("expect") && head.contains("content-length: 2"), "{head}");
}

#[test]
fn a_token_of_the_upstream_is_required_and_not_passed_on() {
    let upstream = Server::answering(ok("{}"));
    let gateway = gateway(&upstream.url(), "token = \"s3cret\"");
    let ask = |headers: &str| gateway.ask(Request::new("GET /upstreams/u/").headers(headers));
    for headers in [
        "",
        "x-upstream-token: wrong\r\n",
        "authorization: Bearer s3cret\r\n",
        "x-upstream-token: s3cret\r\nx-upstream-token: s3cret\r\n",
    ] {
        let refused = ask(headers);
        refused.assert_error(401, "Unauthorized", "X-Upstream-Token");
        assert_eq!(refused.header("x-resilience-attempts"), Some("0"));
    }
    assert_eq!(upstream.requests(), 0);
    assert_eq!(ask("x-upstream-token: s3cret\r\nauthorization: Basic x\r\n").status, 200);
    let head = upstream.heads().remove(0);
    assert!(!head.contains("s3cret") && head.contains("authorization: Basic x"), "{head}");
}

#[test]
fn answers_never_reach_another_caller() {
    // Each connection answers in its own time.
    let upstream = Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let pause = path.bytes().map(u64::from).sum::<u64>() % 7;
            std::thread::sleep(std::time::Duration::from_millis(pause));
            peer.say(http("200 OK", "", &path));
        }
    });
    let gateway = gateway(&upstream.url(), "");
    let wrong = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for caller in 0..16 {
            let (gateway, wrong) = (&gateway, Arc::clone(&wrong));
            scope.spawn(move || {
                let mut connection = gateway.connect();
                for number in 0..25 {
                    let path = format!("/{caller}/{number}");
                    let answer = connection.ask(format!("GET /upstreams/u{path}"));
                    if (answer.status, answer.text.as_str()) != (200, path.as_str()) {
                        wrong.lock().unwrap().push((path, answer));
                    }
                }
            });
        }
    });
    assert!(wrong.lock().unwrap().is_empty(), "{wrong:?}");
    assert!(upstream.connections() > 1, "{}", upstream.connections());
}

#[test]
fn a_held_body_is_repeated_byte_for_byte() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    let upstream = super::gateway::raw_upstream(move |mut stream| {
        use std::io::Read as _;
        super::gateway::read_head(&mut stream);
        let mut body = [0; 5];
        stream.read_exact(&mut body).unwrap();
        seen.lock().unwrap().push(body);
        super::gateway::say(&mut stream, http("503 Service Unavailable", "", ""));
    });
    let gateway = gateway_with(&upstream, "retry_max_attempts = 3", &[]);
    let answer = gateway.ask(Request::new("PUT /upstreams/u/").body("hello"));
    assert_eq!((answer.status, answer.header("x-resilience-attempts")), (503, Some("3")));
    until("three bodies", PATIENCE, || bodies.lock().unwrap().len() == 3);
    assert_eq!(*bodies.lock().unwrap(), [*b"hello"; 3]);
}
