//! SIGTERM at random moments under load: every accepted request is answered, and the process exits cleanly.
//!
//! A request is *accepted* when it is written on a connection that the server has taken and has not
//! closed, nor announced to close (`Connection: close`). What is not:
//!
//! - refused: there is no connection. Nothing was sent, and the caller knows.
//! - raced: written on a kept connection while the server closed it, being idle. HTTP/1.1 cannot avoid
//!   that; the caller has to repeat it (RFC 9112, 9.3.1). It is counted apart, and has to be rare: the
//!   server closes connections in use by an answer that says so. That the server has not begun to work
//!   on it is seen in both logs, which have each request's trace.
//!
//! Everything else is a failure: a new connection that ends without an answer, and an answer that is
//! cut off. `RESTARTS` and `RESTARTS_SEED` play more and others.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod process;

use std::{
    collections::HashMap,
    env,
    io::ErrorKind,
    net::SocketAddr,
    ops::AddAssign,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use process::Lab;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use resilience_testing::http::{Connection, Cut, Request};

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(6);
const CALLERS: usize = 32;

const BACKEND: [(&str, &str); 6] = [
    ("FAILURE_RATE", "0.2"),
    ("SLOW_RESPONSE_RATE", "0.2"),
    ("SLOW_RESPONSE_DELAY", "0.2"),
    ("TRANSIENT_FAILURE_RATE", "0.6"),
    ("WORKERS", "2"),
    ("SHUTDOWN_TIMEOUT", "6"),
];
const CLIENT: [(&str, &str); 7] = [
    ("RETRY_BASE_DELAY", "0.1"),
    ("RETRY_MAX_DELAY", "0.5"),
    ("ATTEMPT_TIMEOUT", "0.5"),
    ("CONNECT_TIMEOUT", "0.4"),
    ("BREAKER_RESET_TIMEOUT", "0.2"),
    ("WORKERS", "2"),
    ("SHUTDOWN_TIMEOUT", "6"),
];
const CLIENT_PATHS: [&str; 5] = [
    "/api/call-backend",
    "/api/call-backend",
    "/api/test-retry",
    "/api/call-backend-without-resilience",
    "/health",
];
const BACKEND_PATHS: [&str; 3] = ["/api/data", "/api/transient-failure", "/health"];

/// The result of one request.
#[derive(Debug)]
enum Fate {
    Answered {
        status: u16,
        closes: bool,
    },
    /// The connect was refused.
    Refused,
    /// The connection ended without a byte of answer.
    Unanswered,
    /// The answer is incomplete: the part that arrived.
    Cut {
        _what: String,
    },
}

#[derive(Debug, Default, Clone, Copy)]
struct Sum {
    answered: usize,
    refused: usize,
    raced: usize,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.raced += other.raced;
    }
}

/// A request that was sent, with its trace and its result.
#[derive(Debug)]
struct Asked {
    path: &'static str,
    trace: String,
    /// True if its connection had delivered an answer before.
    reused: bool,
    fate: Fate,
}

/// Sends one request, and reads its answer.
fn ask(connection: &mut Connection, request: &Request) -> Fate {
    if connection.try_say(request.bytes()).is_err() {
        return Fate::Unanswered;
    }
    match connection.try_answer() {
        Ok(None) => Fate::Unanswered,
        Ok(Some(answer)) if answer.body.is_null() => Fate::Cut { _what: format!("{answer:?}") },
        Ok(Some(answer)) => Fate::Answered { status: answer.status, closes: answer.closes() },
        Err(Cut(what)) => Fate::Cut { _what: what },
    }
}

fn connect(address: SocketAddr) -> Option<Connection> {
    match Connection::try_to(address) {
        Ok(connection) => Some(connection),
        // Also a reset: the listener closed during the TCP handshake, before anything was sent.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
            ) =>
        {
            None
        }
        Err(error) => panic!("connect: {error}"),
    }
}

/// Calls repeatedly until a connect is refused, at the latest until `stop`.
fn call_until(
    stop: &AtomicBool,
    address: SocketAddr,
    paths: &[&'static str],
    keep: bool,
    random: &mut StdRng,
) -> Vec<Asked> {
    let mut all = Vec::new();
    let mut connection = None;
    while !stop.load(Ordering::Relaxed) {
        let path = paths[random.random_range(0..paths.len())];
        let trace = format!("{:032x}", random.random::<u128>() | 1);
        let reused = connection.is_some();
        let Some(mut current) = connection.take().or_else(|| connect(address)) else {
            all.push(Asked { path, trace, reused, fate: Fate::Refused });
            break;
        };
        let traceparent = format!("traceparent: 00-{trace}-{:016x}-01\r\n", random.next_u64() | 1);
        let request = Request::new(format!("GET {path}")).headers(&traceparent);
        let fate = ask(&mut current, &if keep { request } else { request.close() });
        if matches!(fate, Fate::Answered { closes: false, .. }) {
            connection = Some(current);
        }
        all.push(Asked { path, trace, reused, fate });
        thread::sleep(Duration::from_micros(random.random_range(0..5_000)));
    }
    all
}

/// A stress test that would outlast the process.
fn stress(address: SocketAddr) {
    let plan =
        r#"{"num_requests": 1000, "concurrency": 4, "retry": true, "interval_seconds": 0.05}"#;
    let request = Request::new("POST /api/stress-test").body(plan);
    let fate = ask(&mut connect(address).unwrap(), &request);
    assert!(matches!(fate, Fate::Answered { status: 200, closes: true }), "stress test: {fate:?}");
}

/// Reads a stream of events to its end.
fn listen(address: SocketAddr) {
    let mut connection = connect(address).unwrap();
    connection.send("GET /api/events");
    let all = connection.rest();
    assert!(all.ends_with("\r\n0\r\n\r\n"), "cut off: {all:?}");
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Victim {
    Client,
    Backend,
}

/// Starts the services under load, sends SIGTERM at a random moment, and checks the results.
fn restart(victim: Victim, seed: u64) -> Sum {
    let mut random = StdRng::seed_from_u64(seed);
    let mut lab = Lab::start(&BACKEND, &CLIENT);
    let (process, paths) = match victim {
        Victim::Client => (&mut lab.client, &CLIENT_PATHS[..]),
        Victim::Backend => (&mut lab.backend, &BACKEND_PATHS[..]),
    };
    let address = process.address();
    let stop = AtomicBool::new(false);
    let answered = AtomicU64::new(0);
    let moment = Duration::from_micros(random.random_range(0..400_000));
    let (asked, (status, took)) = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| {
                let mut random = StdRng::seed_from_u64(random.next_u64());
                let (stop, answered) = (&stop, &answered);
                scope.spawn(move || {
                    let asked = call_until(stop, address, paths, number % 4 > 0, &mut random);
                    answered.fetch_add(asked.len() as u64, Ordering::Relaxed);
                    asked
                })
            })
            .collect();
        if victim == Victim::Client {
            scope.spawn(move || stress(address));
            scope.spawn(move || listen(address));
            scope.spawn(move || listen(address));
        }
        // From a light to a full load.
        thread::sleep(Duration::from_millis(20) + moment);
        let since = Instant::now();
        let status = process.terminate();
        let took = since.elapsed();
        stop.store(true, Ordering::Relaxed);
        let asked: Vec<_> = callers.into_iter().flat_map(|c| c.join().unwrap()).collect();
        (asked, (status, took))
    });

    let (client_log, backend_log) = (lab.client.log(), lab.backend.log());
    let log = if victim == Victim::Client { &client_log } else { &backend_log };
    assert!(status.success(), "{victim:?}, seed {seed}: {status}\n{log}");
    assert!(took < SHUTDOWN_TIMEOUT, "{victim:?}, seed {seed}: {took:?}\n{log}");
    assert!(!log.contains("cutting off"), "{victim:?}, seed {seed}:\n{log}");
    assert!(log.lines().last().unwrap().ends_with("stopped"), "seed {seed}:\n{log}");
    let sum = judge(&asked, &client_log, &backend_log)
        .unwrap_or_else(|what| panic!("{victim:?}, seed {seed}: {what}"));
    if victim == Victim::Client {
        every_answer_is_in_the_log(&asked, &client_log);
    }
    sum
}

/// Counts the requests by their result.
fn judge(asked: &[Asked], client_log: &str, backend_log: &str) -> Result<Sum, String> {
    let mut sum = Sum::default();
    for request in asked {
        match request {
            Asked { fate: Fate::Answered { .. }, .. } => sum.answered += 1,
            Asked { fate: Fate::Refused, .. } => sum.refused += 1,
            Asked { fate: Fate::Unanswered, reused: true, trace, .. }
                if !client_log.contains(trace) && !backend_log.contains(trace) =>
            {
                sum.raced += 1;
            }
            lost => return Err(format!("an accepted request is lost: {lost:?}")),
        }
    }
    Ok(sum)
}

/// Checks the log of the ended process: it has a line for each answered call, with its status.
fn every_answer_is_in_the_log(asked: &[Asked], log: &str) {
    let mut told: HashMap<&str, Vec<u16>> = HashMap::new();
    for line in log.lines().filter(|line| line.contains(": status ") && line.contains(" call ")) {
        let after = |key: &str| line.split_once(key).map(|(_, rest)| rest);
        let Some(trace) = after("trace_id=").and_then(|rest| rest.get(..32)) else { continue };
        let Some(status) = after(": status ").and_then(|rest| rest.get(..3)?.parse().ok()) else {
            continue;
        };
        if line.contains(", circuit ") {
            told.entry(trace).or_default().push(status);
        }
    }
    for Asked { path, trace, fate, .. } in asked {
        if let Fate::Answered { status, .. } = fate
            && path.starts_with("/api/")
        {
            assert_eq!(told.get(trace.as_str()), Some(&vec![*status]), "{path} {trace}\n{log}");
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |value| {
        value.parse().unwrap_or_else(|_| panic!("{variable}={value:?}: expected a whole number"))
    })
}

fn restarts(victim: Victim, default: u64) {
    let count = number("RESTARTS", default);
    let seed = number("RESTARTS_SEED", rand::random::<u32>().into());
    println!("{victim:?}: {count} restarts, RESTARTS_SEED={seed}");
    let mut all = Sum::default();
    for round in 0..count {
        all += restart(victim, seed.wrapping_add(round));
    }
    println!("{victim:?}: {all:?}");
    assert!(all.answered as u64 > 100 * count, "no load: {all:?}");
    assert!(all.raced * 1000 <= all.answered, "{all:?}: these connections were in use");
}

#[test]
fn sigterm_loses_no_request_of_the_client() {
    restarts(Victim::Client, 10);
}

#[test]
fn sigterm_loses_no_request_of_the_backend() {
    restarts(Victim::Backend, 5);
}
