//! `BREAKER_PROBE*`: probes of the backend while the circuit is open.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use resilience_actors::State;
use resilience_testing::{
    PATIENCE,
    server::{Server, http, ok},
    until_async,
};
use serde_json::json;

use crate::support::{assert_lines, config, lab};

const CALL: &str = "/api/call-backend";

const PROBED: [(&str, &str); 5] = [
    ("BREAKER_PROBE", "/health?deep=1"),
    ("BREAKER_PROBE_INTERVAL", "0.01"),
    ("BREAKER_FAIL_MAX", "1"),
    ("RETRY_MAX_ATTEMPTS", "1"),
    ("BREAKER_RESET_TIMEOUT", "600"),
];

/// A backend that fails until it is `up`. Its health endpoint answers `sick` until then.
fn backend(sick: &'static str) -> (Server, Arc<AtomicBool>) {
    let up = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&up);
    let server = Server::start(move |mut peer| {
        while let Some(head) = peer.request() {
            let health = head.starts_with("GET /health?deep=1 ");
            peer.say(match (health, seen.load(Ordering::SeqCst)) {
                // A health endpoint need not answer with JSON.
                (true, true) => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
                (true, false) => http(sick, "location: /elsewhere\r\n", ""),
                (false, true) => ok("{}"),
                (false, false) => http("500 Oops", "", "{}"),
            });
        }
    });
    (server, up)
}

#[actix_web::test]
async fn a_backend_that_is_back_is_called_again_long_before_the_reset_timeout() {
    let (backend, up) = backend("503 Not Yet");
    let lab = lab(config(&backend.url(), &PROBED)).await;
    assert_eq!(lab.get(CALL).await.body["circuit_breaker_state"], "open");
    let probes = || lab.breaker.counts().probes.unwrap();
    until_async("probes have failed", PATIENCE, async || probes().failure >= 3).await;
    assert_eq!((lab.breaker.state(), lab.get(CALL).await.status), (State::Open, 503));

    up.store(true, Ordering::SeqCst);
    let half_open = async || lab.breaker.state() == State::HalfOpen;
    until_async("the circuit is half-open", PATIENCE, half_open).await;
    let history = lab.get("/api/events/history?type=transition").await.body;
    assert_eq!(
        history["events"].as_array().unwrap().last().unwrap()["cause"],
        "2 probes succeeded"
    );
    assert_eq!(lab.get(CALL).await.body["circuit_breaker_state"], "closed");

    let counts = probes();
    let expected = json!({ "success": 2, "failure": counts.failure, "timeout": 0 });
    assert_eq!(lab.get("/api/stats").await.body["policies"], json!({ "probes": expected }));
    let statistics = lab.get("/api/stats").await.body["statistics"].clone();
    assert_eq!(statistics["total_requests"], 3, "probes are no calls");
    let metrics = lab.text("/metrics").await;
    assert_lines(
        &metrics,
        &[
            r#"client_breaker_probes_total{name="backend",result="success"} 2"#,
            r#"client_breaker_probes_total{name="backend",result="timeout"} 0"#,
        ],
    );
    let probe = &backend.heads()[1];
    assert!(probe.contains("user-agent: client-service/"), "{probe}");
}

#[actix_web::test]
async fn only_a_2xx_is_a_good_probe() {
    for sick in ["404 Not Found", "302 Found", "500 Oops"] {
        let (backend, _) = backend(sick);
        let lab = lab(config(&backend.url(), &PROBED)).await;
        lab.get(CALL).await;
        let failed = async || lab.breaker.counts().probes.unwrap().failure >= 5;
        until_async("probes have failed", PATIENCE, failed).await;
        assert_eq!(lab.breaker.state(), State::Open, "{sick}");
    }
}

#[actix_web::test]
async fn a_backend_that_does_not_answer_a_probe_in_time_is_not_back() {
    let hangs =
        [("BREAKER_PROBE", "/hangs"), ("ATTEMPT_TIMEOUT", "0.05"), ("CONNECT_TIMEOUT", "0.05")];
    let silent = Server::start(|mut peer| {
        while let Some(head) = peer.request() {
            if head.starts_with("GET /hangs ") {
                return peer.hold();
            }
            peer.say(http("500 Oops", "", "{}"));
        }
    });
    let lab = lab(config(&silent.url(), &[&hangs[..], &PROBED[1..]].concat())).await;
    lab.get(CALL).await;
    let timed_out = async || lab.breaker.counts().probes.unwrap().timeout >= 3;
    until_async("probes have timed out", PATIENCE, timed_out).await;
    assert_eq!(lab.breaker.state(), State::Open);
    until_async("their connections are closed", PATIENCE, async || silent.open() <= 2).await;
}
