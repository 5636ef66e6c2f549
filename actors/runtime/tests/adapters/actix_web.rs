//! The middleware on a real actix-web server with two workers, under real requests.

use std::{sync::atomic::Ordering::SeqCst, thread, time::Duration};

use resilience_actors::{
    Breaker, CallLimit, CallOptions, Concurrency, Hedge, Priority, QuietPeriod, Rate, Retry,
    Throttle, Upstream, UpstreamBuilder, adapters::actix_web::Protect,
};
use resilience_testing::{
    PATIENCE,
    http::{Connection, Request, ask},
    until,
};

use crate::{
    server::Server,
    support::{paused, secs},
};

fn limits() -> UpstreamBuilder {
    Upstream::builder("server")
}

fn start(limits: UpstreamBuilder) -> (Server, Upstream) {
    let upstream = limits.start().unwrap();
    (Server::start(Protect::new(upstream.clone()).unwrap()), upstream)
}

/// Sends a request to `/api/held`, and returns when its handler runs.
fn hold(server: &Server) -> Connection {
    let begun = server.handlers.begun();
    let connection = wait_in(server, "");
    until("the handler runs", PATIENCE, || server.handlers.begun() > begun);
    connection
}

fn wait_in(server: &Server, headers: &str) -> Connection {
    let mut connection = Connection::to(server.address);
    connection.send(Request::new("GET /api/held").headers(headers));
    connection
}

fn in_flight_and_queued(upstream: &Upstream) -> (usize, usize) {
    let limit = upstream.concurrency().unwrap().snapshot();
    (limit.in_flight, limit.queued)
}

#[test]
fn requests_past_the_rate_are_refused_with_429_on_all_workers_together() {
    let (server, _) = start(limits().rate(Rate::per_hour(1).burst(4)));
    let request = || Request::new("POST /api/echo/name").body("hello");
    for _ in 0..4 {
        let answer = ask(server.address, request());
        assert_eq!((answer.status, answer.text.as_str()), (200, "hello"));
    }
    for _ in 0..4 {
        let answer = ask(server.address, request());
        answer.assert_error(429, "Too Many Requests", "too many requests in this period");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((3_000..=4_000).contains(&wait), "{wait}");
    }
    assert_eq!(ask(server.address, "GET /health").status, 200, "outside the scope");
}

#[test]
fn requests_past_a_limit_are_refused_with_503_until_a_handler_ends() {
    let by_calls = limits().limit(CallLimit::new(2)).concurrency(Concurrency::at_most(9));
    for limits in [limits().concurrency(Concurrency::at_most(2)), by_calls] {
        let (server, upstream) = start(limits);
        let held = [hold(&server), hold(&server)];
        for _ in 0..4 {
            let answer = ask(server.address, "GET /api/slow");
            answer.assert_error(503, "Service Unavailable", "too many requests in flight");
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=3).contains(&wait), "{wait}");
        }
        server.handlers.turns.add_permits(2);
        for mut connection in held {
            assert_eq!(connection.answer().text, "held");
        }
        assert_eq!(ask(server.address, "GET /api/slow").text, "slow");
        assert_eq!((in_flight_and_queued(&upstream), server.handlers.begun()), ((0, 0), 3));
    }
}

#[test]
fn a_client_that_leaves_frees_its_place_and_its_handler_ends() {
    let concurrency = Concurrency::at_most(1).queue(1).wait(PATIENCE);
    let limit = CallLimit::new(2);
    let (server, upstream) = start(limits().limit(limit.clone()).concurrency(concurrency));
    let first = hold(&server);
    let second = wait_in(&server, "");
    until("the second waits", PATIENCE, || in_flight_and_queued(&upstream) == (1, 1));
    drop(second);
    until("the second has left", PATIENCE, || in_flight_and_queued(&upstream) == (1, 0));
    drop(first);
    until("the first has left", PATIENCE, || in_flight_and_queued(&upstream) == (0, 0));
    assert_eq!((server.handlers.running(), server.handlers.begun()), (0, 1));
    until("the calls have ended", PATIENCE, || limit.in_use() == 0);
}

#[test]
fn waiting_requests_get_a_place_by_the_priority_that_their_options_name() {
    let concurrency = Concurrency::at_most(1).queue(1).wait(PATIENCE).priorities();
    let upstream = limits().concurrency(concurrency).start().unwrap();
    let protect = Protect::new(upstream.clone()).unwrap().options(|request| {
        let level = request.headers().get("x-request-priority");
        let level = level.and_then(|level| level.to_str().ok()?.parse().ok());
        CallOptions::new().priority(level.and_then(Priority::from_level).unwrap_or_default())
    });
    let server = Server::start(protect);
    let mut first = hold(&server);
    let mut low = wait_in(&server, "x-request-priority: 0\r\n");
    until("it waits", PATIENCE, || in_flight_and_queued(&upstream) == (1, 1));
    let mut high = wait_in(&server, "x-request-priority: 3\r\n");
    low.answer().assert_error(503, "Service Unavailable", "too many requests in flight");
    server.handlers.turns.add_permits(2);
    assert_eq!((first.answer().status, high.answer().status), (200, 200));
}

#[test]
fn an_adaptive_limit_falls_when_the_handlers_become_slow() {
    let (server, upstream) = start(limits().concurrency(Concurrency::adaptive(1..=100)));
    let limit = || upstream.concurrency().unwrap().snapshot();
    server.handlers.millis.store(2, SeqCst);
    let mut connection = Connection::to(server.address);
    until("the baseline is known", PATIENCE, || {
        assert_eq!(connection.ask("GET /api/slow").status, 200);
        limit().adaptive.unwrap().baseline.is_some()
    });
    let before = limit().max;
    server.handlers.millis.store(200, SeqCst);
    thread::scope(|scope| {
        for _ in 0..before {
            scope.spawn(|| {
                let mut connection = Connection::to(server.address);
                while limit().max > before / 2 {
                    let status = connection.ask("GET /api/slow").status;
                    assert!([200, 503].contains(&status), "{status}");
                }
            });
        }
        until("the limit is half of what it was", PATIENCE, || limit().max <= before / 2);
    });
}

#[test]
fn what_handlers_answer_is_passed_on_and_a_panic_is_answered() {
    let (server, upstream) = start(limits().concurrency(Concurrency::at_most(1)));
    let failed = ask(server.address, "GET /api/fail");
    assert_eq!((failed.status, failed.text.as_str()), (500, "failed"));
    assert_eq!(ask(server.address, "GET /api/nowhere").status, 404);
    ask(server.address, "GET /api/panic").assert_error(
        500,
        "Internal Server Error",
        "internal error",
    );
    assert_eq!(in_flight_and_queued(&upstream), (0, 0));
}

#[test]
fn a_handler_that_takes_longer_than_the_timeout_is_dropped_and_answered_with_504() {
    let limits = limits().concurrency(Concurrency::at_most(1)).timeout(Duration::from_millis(50));
    let (server, upstream) = start(limits);
    let answer = ask(server.address, "GET /api/held");
    answer.assert_error(504, "Gateway Timeout", "the time for the request is over");
    assert_eq!((server.handlers.running(), in_flight_and_queued(&upstream)), (0, (0, 0)));
}

#[test]
fn policies_that_make_no_sense_for_handlers_are_refused_by_name() {
    paused(async {
        let retry = Retry::exponential(secs(1.0));
        for (field, limits) in [
            ("retry", limits().retry(retry)),
            ("hedge", limits().hedge(Hedge::after(secs(1.0)))),
            ("connect_retries", limits().connect_retries(1)),
            ("breaker", limits().breaker(Breaker::consecutive(5))),
            ("throttle", limits().throttle(Throttle::default())),
            ("quiet_period", limits().quiet_period(QuietPeriod::default())),
        ] {
            let error = Protect::new(limits.start().unwrap()).unwrap_err();
            assert_eq!(error.field, field);
            assert_eq!(
                error.to_string(),
                format!("{field} = set is not valid: expected none for handlers of one's own")
            );
        }
    });
}
