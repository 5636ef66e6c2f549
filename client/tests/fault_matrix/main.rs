//! Faults of a backend on the wire. A server on raw sockets (`server.rs`) performs the faults of the rows (`rows.rs`),
//! and the client runs as a process. Each row states the expected result for the caller, the breaker and the backend.
//!
//! Each call carries a marker (its trace id), which the server puts into its answer. So a test detects the answer of
//! another call.
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
mod framing;
mod lab;
mod mix;
mod pool;
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

use lab::{CALL, Lab, Tls, UNPROTECTED, marker};
use row::{Effect, Expected, Row};
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
    let table = table::render(rows.iter().map(|row| row.name).zip(&seen));
    println!("{table}");
    if env::var_os(CHOSEN).is_none() {
        table::must_be_documented(&table);
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
fn play_all(rows: &[Row], tls: Option<&Tls>) -> Vec<Expected> {
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

/// Plays one row, and returns its result. Panics if a condition is violated that must hold after every row.
fn play(row: &Row, tls: Option<&Tls>) -> Expected {
    let attempt_timeout = if row.impatient { "0.5" } else { "10" };
    // A handshake takes processor time.
    let connect_timeout = if tls.is_some() { attempt_timeout } else { "0.2" };
    let settings = [("ATTEMPT_TIMEOUT", attempt_timeout), ("CONNECT_TIMEOUT", connect_timeout)];
    let mut lab = Lab::start(row.door, tls, &settings);
    let open_files = lab.open_files_at_rest();

    let counted = prepare(&lab, row, CALL);
    lab.server.set(Mode::Misbehaving(Arc::new(row.play.clone())));
    let answer = lab.call(CALL);
    lab.settle();
    let message = answer.body["backend_response"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(row.says), "{}: {message:?} does not say {:?}", row.name, row.says);
    let mut outcomes = lab.outcomes();
    let attempts = outcomes.len();
    assert_eq!(answer.number("attempts"), attempts as u64, "{}", row.name);
    outcomes.dedup();
    let outcome = outcomes.join(", then ");
    let breaker = match lab.fail_counter() {
        0 => Effect::Success,
        now if now == counted => Effect::Neutral,
        now => Effect::Failures(now - counted),
    };
    let seen = lab.server.seen();

    prepare(&lab, row, UNPROTECTED);
    lab.server.set(Mode::Misbehaving(Arc::new(row.play.clone())));
    let unprotected = lab.call(UNPROTECTED).status;
    lab.settle();

    lab.server.open_door();
    if !row.alone {
        mix::interleave(&lab, row);
    }
    lab.server.set(Mode::Healthy);
    for _ in 0..3 {
        assert_eq!(lab.call(CALL).status, 200, "{}: healthy again", row.name);
    }
    let healthy = lab.call_all(&[(); 8].map(|()| marker()), 8);
    assert!(healthy.iter().all(|answer| answer.status == 200), "{}: {healthy:?}", row.name);
    assert!(!lab.server.was_followed(), "{}: a redirect was followed", row.name);
    lab.must_be_as_before(open_files);
    Expected { status: answer.status, outcome, breaker, attempts, seen, unprotected }
}

/// Prepares the connection that the row needs. Also makes one failure count, so that a success, which resets the
/// count, differs from a neutral outcome.
fn prepare(lab: &Lab, row: &Row, path: &str) -> u64 {
    if row.door != Door::Open {
        return lab.fail_counter();
    }
    lab.close_all();
    let is_kept = row.play.only_kept || !row.idle.is_empty();
    lab.server.set(Mode::Failing(is_kept.then(|| row.idle.clone())));
    assert_eq!(lab.call(path).status, 501);
    lab.server.go_on();
    lab.settle();
    if path == CALL { lab.fail_counter() } else { 0 }
}
