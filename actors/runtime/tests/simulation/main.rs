//! The whole runtime, simulated: callers, a breaker, schedulers and an upstream on one thread and a
//! clock that jumps, all out of one seed.
//!
//! Callers come, leave and come in bursts; the upstream answers, fails, hangs, is gone and panics;
//! permits are held, dropped and reported late; hands reset the circuit and change its mode. After
//! each step, and in each attempt, what must always hold is looked at from outside (`world.rs`).
//!
//! `SIMULATION_STEPS=1000000` plays more, `SIMULATION_SEED=7` others: an episode of a thousand
//! steps has the seed after the one before it. A failure says how to play its episode alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod episode;
#[path = "../support/mod.rs"]
mod support;
mod upstream;
mod world;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

/// What `cargo test` plays. `scripts/check.sh simulation` plays a million.
const STEPS: u64 = 50_000;

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} = {value:?} is no number")))
}

fn to_play_alone(seed: u64) -> String {
    format!(
        "to play it alone:\nSIMULATION_SEED={seed} SIMULATION_STEPS=1 cargo test -p resilience-actors --test \
         simulation whatever"
    )
}

/// Ends the process when no episode begins for a minute, which each takes milliseconds of: something is
/// done over and over at one instant, so that the clock never moves on.
fn watch_for_standstill() -> Sender<u64> {
    let (begins, begun) = channel();
    std::thread::spawn(move || {
        let mut seed = 0;
        loop {
            match begun.recv_timeout(Duration::from_secs(60)) {
                Ok(next) => seed = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("episode {seed} stands still; {}", to_play_alone(seed));
                    std::process::exit(1);
                }
            }
        }
    });
    begins
}

#[test]
fn whatever_happens_what_must_hold_holds() {
    let first = from_environment("SIMULATION_SEED").unwrap_or(1);
    let episodes = from_environment("SIMULATION_STEPS").unwrap_or(STEPS).div_ceil(episode::STEPS);
    #[expect(clippy::disallowed_methods, reason = "for the reader of the test's output")]
    let began = Instant::now();
    let (mut steps, mut calls, mut attempts, mut left) = (0, 0, 0, 0);
    let (mut transitions, mut trips) = (BTreeMap::new(), BTreeMap::new());
    let begins = watch_for_standstill();
    for seed in first..first + episodes {
        let _ = begins.send(seed);
        let played = std::panic::catch_unwind(AssertUnwindSafe(|| episode::play(seed)));
        let totals =
            played.unwrap_or_else(|_| panic!("episode {seed} fails; {}", to_play_alone(seed)));
        steps += totals.steps;
        calls += totals.calls;
        attempts += totals.attempts;
        left += totals.left;
        for (way, times) in totals.transitions {
            *transitions.entry(way).or_insert(0_u64) += times;
        }
        for (trip, times) in totals.trips {
            *trips.entry(trip).or_insert(0_u64) += times;
        }
    }
    let secs = began.elapsed().as_secs_f64();
    println!(
        "{steps} steps in {secs:.1} s: {calls} calls ({left} left early), {attempts} attempts, \
         transitions {transitions:?}, opened by {trips:?}"
    );
    assert!(steps < STEPS || transitions.len() == 7, "no episode has {transitions:?}");
    assert!(steps < STEPS || trips.len() == 3, "no episode has {trips:?}");
}

#[test]
fn one_seed_is_one_story() {
    for seed in 1..=3 {
        let digests = [0; 3].map(|_| episode::play(seed).digest);
        assert_eq!(digests, [digests[0]; 3], "seed {seed}");
    }
}
