//! What the gateway records of calls: counts, events and log lines.

use resilience_testing::{
    PATIENCE,
    http::Request,
    server::{Server, http},
    until,
};

use super::gateway::{gateway, gateway_with};

#[test]
fn calls_are_events_and_all_log_lines_about_them_begin_with_the_upstream_s_name() {
    let upstream = Server::answering(http("500 Internal Server Error", "", "broken"));
    let variables = [("RUST_LOG", "debug")];
    let gateway = gateway_with(&upstream.url(), "retry_max_attempts = 2", &variables);
    let asked = Request::new("GET /upstreams/u/a")
        .headers("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n");
    assert_eq!(gateway.ask(asked).status, 500);
    let call = &gateway.get("/api/events/history?type=call&upstream=u").body["events"][0];
    for (key, value) in [("breaker", "u"), ("endpoint", "gateway"), ("outcome", "failure")] {
        assert_eq!(call[key], value, "{call}");
    }
    assert_eq!(
        (&call["status"], call["attempts"].as_array().map(Vec::len)),
        (&500.into(), Some(2))
    );
    let calls = &gateway.get("/api/upstreams/u").body["calls"];
    for (key, count) in [("total_requests", 1), ("failed_requests", 1), ("retry_attempts", 1)] {
        assert_eq!(calls[key], count, "{calls}");
    }

    gateway.wait_for_log(&format!("call {}: status 500, attempts: 2", call["call"]));
    let about = format!("call {}", call["call"]);
    let log = gateway.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&about)).collect();
    assert!(lines.len() >= 5, "two attempts, a retry and the ends: {log}");
    for line in lines {
        assert!(line.contains(" upstream u: "), "{line}");
    }
}

#[test]
fn a_call_whose_caller_leaves_is_an_abandoned_event() {
    let upstream = Server::start(|mut peer| {
        peer.request();
        peer.hold();
    });
    let gateway = gateway(&upstream.url(), "attempt_timeout = 5");
    let mut caller = gateway.connect();
    caller.send("GET /upstreams/u/");
    until("the upstream is asked", PATIENCE, || upstream.requests() == 1);
    let in_flight = &gateway.get("/api/upstreams/u").body["calls"]["calls_in_flight"];
    assert_eq!(in_flight, 1);
    drop(caller);
    until("the call is recorded", PATIENCE, || {
        let history = gateway.get("/api/events/history?type=call&upstream=u").body;
        let event = &history["events"][0];
        event["outcome"] == "abandoned" && event["status"].is_null()
    });
    let calls = &gateway.get("/api/upstreams/u").body["calls"];
    assert_eq!((&calls["abandoned_requests"], &calls["calls_in_flight"]), (&1.into(), &0.into()));
}
