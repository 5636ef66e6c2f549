//! The whole runtime, simulated from a seed: callers, a breaker, schedulers and an upstream on one thread with a driven
//! clock.
//!
//! Most episodes have few of the optional policies, some have many. Callers come alone or in bursts, share calls,
//! hurry, fall back and leave. The upstream answers, fails, hangs, is unreachable and panics, and faults are injected
//! into attempts. Permits are held, dropped and reported late. Operators reset the circuit, change its mode, and change
//! settings. Meanwhile `rules/` checks the rules of the design.
//!
//! `SIMULATION_STEPS=1000000` plays more steps, `SIMULATION_SEED=7` others. An episode has a thousand steps; each has
//! the seed after that of the episode before. A failure tells how to play its episode alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

mod episode;
mod record;
mod rules;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod upstream;
mod watcher;
mod world;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use record::Totals;
use resilience_actors::RejectionKind;
use support::silence_injected_panics;

/// What `cargo test` plays. `scripts/check.sh simulation` plays a million.
const STEPS: u64 = 50_000;

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} = {value:?} is no number")))
}

fn to_play_alone(seed: u64) -> String {
    format!(
        "to play it alone:\nSIMULATION_SEED={seed} SIMULATION_STEPS=1 cargo test -p resilience-actors --test \
         simulation every_rule"
    )
}

/// Ends the process if an episode lasts a minute; it should last milliseconds. Then something is done over and over at
/// one instant, and the clock does not move on.
fn watch_for_standstill() -> Sender<u64> {
    let (begins, begun) = channel();
    std::thread::spawn(move || {
        let mut seed = 0;
        loop {
            match begun.recv_timeout(Duration::from_secs(60)) {
                Ok(next) => seed = next,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("episode {seed} does not end; {}", to_play_alone(seed));
                    std::process::exit(1);
                }
            }
        }
    });
    begins
}

/// Plays episodes until none is left, or one fails.
fn play_episodes(next: &AtomicU64, end: u64, totals: &Mutex<Totals>) {
    let begins = watch_for_standstill();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let _ = begins.send(seed);
        let played = std::panic::catch_unwind(AssertUnwindSafe(|| episode::play(seed)));
        let Ok(episode) = played else {
            next.store(end, Ordering::Relaxed);
            panic!("episode {seed} fails; {}", to_play_alone(seed));
        };
        totals.lock().unwrap().add(episode);
    }
}

/// Rules about what never happens show nothing.
fn much_has_happened(totals: &Totals) {
    let Totals { transitions, trips, .. } = totals;
    assert!(transitions.len() == 7, "transitions that happened: {transitions:?}");
    assert!(trips.len() == 4, "trips that opened: {trips:?}");
    assert!(totals.faults.len() == 3, "faults that were injected: {:?}", totals.faults);
    for kind in RejectionKind::ALL {
        // No breaker stops, and no upstream has a gate of the user's own.
        let never = matches!(kind, RejectionKind::Stopped | RejectionKind::Gate);
        assert!(never || totals.rejected[kind as usize] > 0, "no call was rejected by {kind:?}");
    }
    for (what, times) in [
        ("probe made a circuit half-open", totals.probed),
        ("hedge was made", totals.hedges),
        ("retry was refused", totals.retries_refused),
        ("call was rejected by an adaptive limit", totals.rejected_by_adaptive_limits),
        ("call was displaced from a queue", totals.displaced),
        ("caller shared a call", totals.shared),
        ("fallback answered", totals.fell_back),
        ("settings changed", totals.changes_told),
        ("change was rejected", totals.changes_rejected),
        ("call ran out of its caller's time", totals.short_of_time),
    ] {
        assert!(times > 0, "no {what}");
    }
}

#[test]
fn every_rule_holds_in_every_episode() {
    silence_injected_panics();
    let first = from_environment("SIMULATION_SEED").unwrap_or(1);
    let episodes = from_environment("SIMULATION_STEPS").unwrap_or(STEPS).div_ceil(episode::STEPS);
    #[expect(clippy::disallowed_methods, reason = "for the reader of the test's output")]
    let began = Instant::now();
    let (next, totals) = (AtomicU64::new(first), Mutex::new(Totals::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| play_episodes(&next, first + episodes, &totals));
        }
    });
    println!("in {:.1} s:", began.elapsed().as_secs_f64());
    let totals = totals.into_inner().unwrap();
    println!("{totals}");
    if totals.steps >= STEPS {
        much_has_happened(&totals);
    }
}

#[test]
fn the_same_seed_repeats_the_episode() {
    silence_injected_panics();
    for seed in 1..=3 {
        let digests = [0; 3].map(|_| episode::play(seed).digest);
        assert_eq!(digests, [digests[0]; 3], "seed {seed}");
    }
}
