//! `coalesce = "on"`: identical requests in flight share one call.

use std::{sync::Arc, thread};

use resilience_testing::{
    Answer, PATIENCE,
    http::{Connection, Request},
    process::Process,
    server::{Gate, Server, http},
    until,
};

use super::gateway::{gateway, gateway_with};

const COALESCE: &str = "coalesce = \"on\"\nretry_max_attempts = 1\nbreaker_fail_max = 100\nattempt_timeout = 20\n\
                        breaker_trial_lease = 20";

/// An upstream that answers when the gate is open, with what `answer` makes of the head.
fn upstream(gate: &Arc<Gate>, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |mut peer| {
        while let Some(head) = peer.request() {
            gate.pass();
            peer.say(answer(&head));
        }
    })
}

fn same(answer: String) -> impl Fn(&str) -> String + Send + Sync + 'static {
    move |_| answer.clone()
}

fn callers(gateway: &Process) -> u64 {
    let shown = gateway.get("/api/upstreams/u").must_be_json().body;
    shown["policies"]["coalesce"]["callers"].as_u64().unwrap_or_else(|| panic!("{shown}"))
}

/// Sends the request from so many callers, and waits until they all wait for a shared call.
fn waiting(gateway: &Process, request: &Request, number: u64) -> Vec<Connection> {
    let before = callers(gateway);
    let send = |_| {
        let mut caller = gateway.connect();
        caller.say(request.bytes());
        caller
    };
    let connections = (0..number).map(send).collect();
    until("they wait", PATIENCE, || callers(gateway) == before + number);
    connections
}

fn answers(connections: Vec<Connection>) -> Vec<Answer> {
    connections.into_iter().map(|mut caller| caller.answer()).collect()
}

fn seen(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.text.as_str())
}

#[test]
fn identical_requests_in_flight_are_one_request_to_the_upstream() {
    for body in [
        "content-length: 4\r\n\r\nsame",
        "transfer-encoding: chunked\r\n\r\n4\r\nsame\r\n0\r\n\r\n",
    ] {
        let gate = Arc::new(Gate::default());
        let upstream = upstream(&gate, same(format!("HTTP/1.1 200 OK\r\nx-own: 1\r\n{body}")));
        let variables = [("RUST_LOG", "debug")];
        let gateway = gateway_with(&upstream.url(), COALESCE, &variables);
        let all = waiting(&gateway, &Request::new("GET /upstreams/u/a"), 20);
        let other = waiting(&gateway, &Request::new("GET /upstreams/u/b"), 1);
        gate.set(true);
        for answer in answers(all) {
            assert_eq!((seen(&answer), answer.header("x-own")), ((200, "same"), Some("1")));
            assert_eq!(answer.header("x-resilience-attempts"), Some("1"));
        }
        assert_eq!(seen(&answers(other)[0]), (200, "same"));
        assert_eq!(upstream.requests(), 2);

        let calls = &gateway.get("/api/upstreams/u").body["calls"];
        assert_eq!(
            (&calls["total_requests"], &calls["successful_requests"]),
            (&21.into(), &21.into())
        );
        assert_eq!(gateway.metric("client_coalesced_calls_total{name=\"u\"}"), 19);
        let history = gateway.get("/api/events/history?type=call&upstream=u").body;
        let events = history["events"].as_array().unwrap();
        let shared: Vec<_> =
            events.iter().filter(|event| event.get("coalesced_with").is_some()).collect();
        assert_eq!((events.len(), shared.len()), (21, 19));
        assert!(shared.iter().all(|event| event["attempts"] == serde_json::json!([])));
        gateway.wait_for_log(&format!(
            "attempts: 1 (shared with call {})",
            shared[0]["coalesced_with"]
        ));

        assert_eq!(gateway.get("/upstreams/u/a").status, 200);
        assert_eq!(upstream.requests(), 3, "nothing is kept");
    }
}

#[test]
fn no_caller_gets_the_answer_to_another_one_s_credentials() {
    // The answer is the header by which the callers differ.
    let echo = |head: &str| {
        let own = head.lines().find(|line| {
            line.to_lowercase().starts_with("authorization:")
                || line.to_lowercase().starts_with("cookie:")
                || line.to_lowercase().starts_with("x-api-key:")
        });
        http("200 OK", "", &own.unwrap_or("nothing").to_lowercase())
    };
    let gate = Arc::new(Gate::default());
    let upstream = upstream(&gate, echo);
    let gateway = gateway(&upstream.url(), &format!("{COALESCE}\nfallback = \"stale\""));
    let mut callers = Vec::new();
    for name in ["authorization", "cookie", "x-api-key"] {
        for user in 0..5 {
            let own = format!("{name}: user-{user}");
            let request = Request::new("GET /upstreams/u/me").headers(format!("{own}\r\n"));
            let mut caller = gateway.connect();
            caller.say(request.bytes());
            callers.push((caller, own));
        }
    }
    let mut nobody = gateway.connect();
    nobody.send("GET /upstreams/u/me");
    until("each has a request of its own", PATIENCE, || upstream.requests() == 16);
    gate.set(true);
    for (mut caller, own) in callers {
        assert_eq!(seen(&caller.answer()), (200, &*own));
    }
    assert_eq!(seen(&nobody.answer()), (200, "nothing"));
}

#[test]
fn a_shared_call_goes_on_when_a_caller_leaves() {
    let gate = Arc::new(Gate::default());
    let upstream = upstream(&gate, same(http("200 OK", "", "same")));
    let gateway = gateway(&upstream.url(), COALESCE);
    let request = Request::new("GET /upstreams/u/");
    let first = waiting(&gateway, &request, 1);
    let others = waiting(&gateway, &request, 3);
    drop(first);
    until("it has left", PATIENCE, || callers(&gateway) == 3);
    gate.set(true);
    for answer in answers(others) {
        assert_eq!(seen(&answer), (200, "same"));
    }
    assert_eq!(upstream.requests(), 1);

    gate.set(false);
    drop(waiting(&gateway, &request, 2));
    until("the call is given up", PATIENCE, || callers(&gateway) == 0);
    gate.set(true);
}

#[test]
fn an_answer_that_is_not_for_all_goes_to_one_and_the_others_make_their_own_calls() {
    let large = "x".repeat(70_000);
    let chunks = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let chunked = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
    let no_room = [("RETRY_BODY_BYTES", "1"), ("REPLAY_BYTES", "1")];
    for (answer, size, variables) in [
        (http("200 OK", "", &large), large.len(), &[][..]),
        (chunked, large.len(), &[]),
        (http("200 OK", "set-cookie: session=1\r\n", "xx"), 2, &[]),
        (http("200 OK", "cache-control: private\r\n", "xx"), 2, &[]),
        (http("200 OK", "", "xx"), 2, &no_room),
    ] {
        let gate = Arc::new(Gate::default());
        let upstream = upstream(&gate, same(answer));
        let gateway = gateway_with(&upstream.url(), COALESCE, variables);
        let all = waiting(&gateway, &Request::new("GET /upstreams/u/").close(), 4);
        gate.set(true);
        // Each in a thread of its own: a large answer needs a reader.
        let read = |mut caller: Connection| thread::spawn(move || caller.rest());
        let readers: Vec<_> = all.into_iter().map(read).collect();
        for reader in readers {
            let answer = reader.join().unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            assert_eq!(body.matches('x').count(), size, "{head}");
        }
        assert_eq!(upstream.requests(), 4);
        assert_eq!(gateway.metric("client_coalesced_calls_total{name=\"u\"}"), 3);
        let history = gateway.get("/api/events/history?type=call&upstream=u").body;
        let events = history["events"].as_array().unwrap();
        assert!(events.iter().all(|event| event.get("coalesced_with").is_none()), "{history}");
    }
}

#[test]
fn a_body_that_takes_its_time_arrives_part_by_part() {
    for (length, first, second) in [
        ("transfer-encoding: chunked", "4\r\none\n\r\n", "4\r\ntwo\n\r\n0\r\n\r\n"),
        ("content-length: 8", "one\n", "two\n"),
    ] {
        let gate = Arc::new(Gate::default());
        let passing = Arc::clone(&gate);
        let upstream = Server::start(move |mut peer| {
            peer.request();
            peer.say(format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n{first}"));
            passing.pass();
            peer.say(second);
        });
        let gateway = gateway(&upstream.url(), COALESCE);
        let mut caller = gateway.connect();
        caller.send("GET /upstreams/u/events");
        caller.lines_until("one");
        gate.set(true);
        let rest = caller.lines_until("two");
        assert!(!rest.contains("one"), "each part comes once: {rest}");
    }
}

#[test]
fn callers_share_failures() {
    let gate = Arc::new(Gate::default());
    let failing = upstream(&gate, same(http("500 Internal Server Error", "", "broken")));
    let gateway_of_failing = gateway(&failing.url(), COALESCE);
    let all = waiting(&gateway_of_failing, &Request::new("GET /upstreams/u/"), 5);
    gate.set(true);
    for answer in answers(all) {
        assert_eq!(seen(&answer), (500, "broken"));
    }
    assert_eq!(failing.requests(), 1);

    let gate = Arc::new(Gate::default());
    let passing = Arc::clone(&gate);
    let dying = Server::start(move |mut peer| {
        peer.request();
        passing.pass();
    });
    let gateway = gateway(&dying.url(), &format!("{COALESCE}\nconnect_retries = 0"));
    let all = waiting(&gateway, &Request::new("GET /upstreams/u/"), 5);
    gate.set(true);
    for answer in answers(all) {
        answer.assert_error(502, "Bad Gateway", "upstream u");
    }
    assert_eq!(dying.requests(), 1);
}

#[test]
fn a_body_that_fails_ends_the_connection_of_one_caller_and_the_others_make_their_own_calls() {
    for cut in [
        "content-length: 5\r\n\r\npart",
        "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n",
        "transfer-encoding: chunked\r\n\r\n4\r\npart\r\nno chunk\r\n",
    ] {
        let gate = Arc::new(Gate::default());
        let passing = Arc::clone(&gate);
        let upstream = Server::start(move |mut peer| {
            peer.request();
            passing.pass();
            if peer.number() == 1 {
                peer.say(format!("HTTP/1.1 200 OK\r\n{cut}"));
            } else {
                peer.say(http("200 OK", "", "whole"));
            }
        });
        let gateway = gateway(&upstream.url(), COALESCE);
        let request = Request::new("GET /upstreams/u/");
        let mut first = waiting(&gateway, &request, 1);
        let others = waiting(&gateway, &request, 2);
        gate.set(true);
        let answer = first.remove(0).rest_or_part();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.trim_end().ends_with("part"), "it does not look complete: {answer}");
        for answer in answers(others) {
            assert_eq!(seen(&answer), (200, "whole"));
        }
        gateway.wait_for_log("an answer ended early");
    }
}

#[test]
fn requests_with_a_deadline_of_their_own_and_those_that_change_something_are_not_shared() {
    let gate = Arc::new(Gate::default());
    let upstream = upstream(&gate, same(http("200 OK", "", "")));
    let gateway = gateway(&upstream.url(), COALESCE);
    let mut sent = Vec::new();
    for request in [
        Request::new("GET /upstreams/u/").headers("x-request-deadline: 30\r\n"),
        Request::new("DELETE /upstreams/u/"),
    ] {
        for _ in 0..2 {
            let mut caller = gateway.connect();
            caller.say(request.bytes());
            sent.push(caller);
        }
    }
    until("each is a request", PATIENCE, || upstream.requests() == 4);
    assert_eq!(callers(&gateway), 0);
    gate.set(true);
    for answer in answers(sent) {
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn a_shared_answer_is_kept_and_callers_share_a_stale_one() {
    let gate = Arc::new(Gate::default());
    gate.set(true);
    let passing = Arc::clone(&gate);
    let upstream = Server::start(move |mut peer| {
        peer.request();
        passing.pass();
        if peer.number() == 1 {
            peer.say(http("200 OK", "", "good"));
        }
    });
    let gateway =
        gateway(&upstream.url(), &format!("{COALESCE}\nfallback = \"stale\"\nconnect_retries = 0"));
    assert_eq!(seen(&gateway.get("/upstreams/u/")), (200, "good"));
    gate.set(false);
    let all = waiting(&gateway, &Request::new("GET /upstreams/u/"), 3);
    gate.set(true);
    for answer in answers(all) {
        assert_eq!(seen(&answer), (200, "good"));
        assert!(answer.header("x-resilience-stale").is_some());
    }
    assert_eq!(upstream.requests(), 2);
    assert_eq!(gateway.metric("client_stale_answers_total{name=\"u\"}"), 3);
}
