//! `X-Request-Deadline`: the backend stops working on a request whose deadline has passed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use resilience_testing::http::Request;
use support::{count, play, start};

const ENDPOINTS: [&str; 2] = ["GET /api/data", "GET /api/transient-failure"];

fn within(endpoint: &str, seconds: &str) -> Request {
    Request::new(endpoint).headers(format!("x-request-deadline: {seconds}\r\n"))
}

#[test]
fn a_slow_answer_and_a_hang_end_at_the_deadline_with_a_504() {
    let backend = start(&[]);
    let plan =
        r#"{"sequence": ["slow", "hang", "ok"], "repeat": true, "slow_response_delay": 3600}"#;
    play(&backend, plan);
    for endpoint in ENDPOINTS {
        for _ in ["slow", "hang"] {
            let over = backend.ask(within(endpoint, "0.05"));
            over.assert_error(504, "Gateway Timeout", "the deadline of the request passed: 0.05 s");
        }
        assert_eq!(backend.ask(within(endpoint, "60")).status, 200);
    }
    // They count by what was drawn, and as 504s among the requests.
    let counts = ["slow_responses", "hung_requests", "successful_responses"];
    assert_eq!(counts.map(|name| count(&backend, name)), [2, 2, 2]);
    let metrics = backend.get("/metrics").text;
    let line = r#"http_requests_total{method="GET",path="/api/data",status="504"} 2"#;
    assert!(metrics.lines().any(|other| other == line), "{line} is not in\n{metrics}");
}

#[test]
fn an_answer_before_the_deadline_is_as_without_one() {
    let backend = start(&[]);
    play(&backend, r#"{"sequence": ["slow", "fail", "transient"], "slow_response_delay": 0.01}"#);
    let statuses = [(); 3].map(|()| backend.ask(within(ENDPOINTS[0], "60")).status);
    assert_eq!(statuses, [200, 500, 429]);
}

#[test]
fn an_invalid_deadline_is_a_400_and_draws_nothing() {
    let backend = start(&[]);
    for endpoint in ENDPOINTS {
        for value in ["0", "-1", "soon", "2592001"] {
            let expected = format!("X-Request-Deadline is {value:?}, but must be given once");
            backend.ask(within(endpoint, value)).assert_error(400, "Bad Request", &expected);
        }
    }
    assert_eq!(count(&backend, "total_requests"), 0);
}
