//! Faults of a backend on the wire. A server on raw sockets (`server.rs`) performs the faults of the rows (`rows.rs`),
//! and the client runs as a process. Each row states the expected result for the caller, the breaker and the backend,
//! for a call of the lab's endpoint and for one through the gateway.
//!
//! Each call carries a marker (its trace id), which the server puts into its answer. So a test detects the answer of
//! another call. A request that the gateway passes on has the marker in its path, query, headers and body as well, and
//! the server detects a request that consists of parts of several.
//!
//! `cargo test -p client-service --test fault_matrix -- --nocapture` prints the matrix.
//! `FAULT_MATRIX_ROW=chunk` plays only rows whose name contains `chunk`. `FAULT_MATRIX_CALLS=10000` sets the number of
//! mixed calls, `FAULT_MATRIX_SEED=7` their seed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod act;
mod answers;
mod connections;
mod endpoint;
mod framing;
mod lab;
mod mix;
mod pool;
mod received;
mod row;
mod rows;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::{
    collections::BTreeMap,
    env,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    thread,
};

use endpoint::Endpoint;
use lab::{Lab, Tls};
use received::End;
use resilience_testing::{PATIENCE, until};
use row::{CallResult, Effect, Results, Row};
use rows::rows;
use server::{Door, Mode};

/// The variable that chooses rows by a part of their names.
const CHOSEN: &str = "FAULT_MATRIX_ROW";

/// Rows played at a time. Most rows mainly wait.
const AT_A_TIME: usize = 8;

#[test]
fn each_fault_has_the_outcome_in_the_matrix() {
    let rows = chosen(|_| true);
    let seen = play_all(&rows, None);
    let tables = table::render(rows.iter().map(|row| row.name).zip(&seen));
    println!("{tables}");
    if env::var_os(CHOSEN).is_none() {
        table::must_be_documented(&tables);
    }
}

#[test]
fn each_fault_has_the_same_outcome_with_tls() {
    // Timeouts do not depend on TLS, and take most of the matrix' time.
    let rows = chosen(|row| row.door == Door::Open && !row.impatient);
    play_all(&rows, Some(&Tls::issue()));
}

fn chosen(fits: impl Fn(&Row) -> bool) -> Vec<Row> {
    let chosen = env::var(CHOSEN).ok();
    let mut rows = rows();
    rows.retain(|row| fits(row) && chosen.as_ref().is_none_or(|part| row.name.contains(part)));
    rows
}

/// Plays the rows, and returns their results. Panics if one is not as expected.
fn play_all(rows: &[Row], tls: Option<&Tls>) -> Vec<Results> {
    // Twice as many rows at a time would miss their timeouts.
    static PLAYING: Mutex<()> = Mutex::new(());
    let _playing = PLAYING.lock();
    let (next, seen) = (Mutex::new(rows.iter().enumerate()), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((number, row)) = { next.lock().unwrap().next() } {
                    let played = std::panic::catch_unwind(AssertUnwindSafe(|| play(row, tls)));
                    seen.lock().unwrap().insert(number, played.ok());
                }
            });
        }
    });
    let seen: Vec<_> = seen.into_inner().unwrap().into_values().collect();
    let failed: Vec<_> =
        rows.iter().zip(&seen).filter(|(row, seen)| seen.as_ref() != Some(&row.expected)).collect();
    for (Row { name, expected, .. }, seen) in &failed {
        eprintln!("{name}:\n  expected {expected:?}\n  seen     {seen:?}");
    }
    assert!(failed.is_empty(), "{} of {} rows", failed.len(), rows.len());
    seen.into_iter().flatten().collect()
}

/// Plays one row, and returns its results. Panics if a condition is violated that must hold after every row.
fn play(row: &Row, tls: Option<&Tls>) -> Results {
    let attempt_timeout = if row.impatient { "1" } else { "10" };
    // A handshake takes processor time.
    let connect_timeout = if tls.is_some() { attempt_timeout } else { "0.2" };
    let policies = [("ATTEMPT_TIMEOUT", attempt_timeout), ("CONNECT_TIMEOUT", connect_timeout)];
    let mut lab = Lab::start(row.door, tls, &[], &policies);
    let open_files = lab.open_files_at_rest();

    let protected = call(&lab, row, Endpoint::Protected);
    prepare(&lab, row, Endpoint::Unprotected);
    lab.server.set(Mode::Misbehaving(Arc::new(row.play.clone())));
    let unprotected = lab.call(Endpoint::Unprotected).status;
    lab.settle();
    let gateway = call(&lab, row, Endpoint::Gateway);

    lab.server.open_door();
    if !row.alone {
        mix::interleave(&lab, row);
    }
    lab.server.set(Mode::Healthy);
    for endpoint in [Endpoint::Protected, Endpoint::Gateway].repeat(3) {
        assert_eq!(lab.call(endpoint).status, 200, "{}: healthy again", row.name);
    }
    mix::must_be_healthy(&lab);
    assert!(!lab.server.was_followed(), "{}: a redirect was followed", row.name);
    lab.must_be_as_before(open_files);
    Results { lab: protected, unprotected, gateway }
}

/// Makes a call, and returns its result.
fn call(lab: &Lab, row: &Row, endpoint: Endpoint) -> CallResult {
    let counted = prepare(lab, row, endpoint);
    lab.server.set(Mode::Misbehaving(Arc::new(row.play.clone())));
    let answer = lab.call(endpoint);
    lab.settle();
    let (says, expected) = match endpoint {
        Endpoint::Protected | Endpoint::Unprotected => (row.says[0], &row.expected.lab),
        Endpoint::Gateway => (row.says[1], &row.expected.gateway),
    };
    let message = &answer.message;
    assert!(message.contains(says), "{}: {message:?} does not say {says:?}", row.name);
    let mut outcomes = lab.outcomes();
    let attempts = outcomes.len();
    assert_eq!(answer.attempts, attempts as u64, "{}", row.name);
    outcomes.dedup();
    let outcome = outcomes.join(", then ");
    let breaker = || match lab.fail_counter(endpoint) {
        0 => Effect::Success,
        now if now < counted => Effect::LateFailure,
        now if now == counted => Effect::Neutral,
        now => Effect::Failures(now - counted),
    };
    if answer.end == End::CutOff {
        // The failure counts a moment after the end of the body.
        let is_counted = || breaker() == expected.breaker;
        until(&format!("{}: {:?}", row.name, expected.breaker), PATIENCE, is_counted);
    }
    let (status, end, seen) = (answer.status, answer.end, lab.server.seen());
    CallResult { status, end, outcome, breaker: breaker(), attempts, seen }
}

/// Prepares the connection that the row needs. Also makes two failures count, so that a success, which resets the
/// count, differs from a neutral outcome, also if a failure follows it.
fn prepare(lab: &Lab, row: &Row, endpoint: Endpoint) -> u64 {
    if row.door != Door::Open {
        return lab.fail_counter(endpoint);
    }
    lab.close_all();
    let is_kept = row.play.only_kept || !row.idle.is_empty();
    for afterwards in [None, is_kept.then(|| row.idle.clone())] {
        lab.server.set(Mode::Failing(afterwards));
        assert_eq!(lab.call(endpoint).status, 503);
    }
    lab.server.go_on();
    // A request that was given up on a busy machine may not have been read yet.
    until("at most the kept connection", PATIENCE, || lab.server.open() <= usize::from(is_kept));
    lab.settle();
    lab.fail_counter(endpoint)
}
