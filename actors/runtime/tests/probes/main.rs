//! Probes of an open circuit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

mod prober;
mod recovery;
#[path = "../support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use resilience_actors::{Breaker, Observation, Observer, Probe};

use support::{now, pass, secs, settle};

/// What one probe meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    Good,
    Bad,
    Hang,
    Panic,
}

/// The upstream as probes see it. Plays its steps in order, and the last again and again.
#[derive(Debug, Clone)]
struct Probed(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    steps: Vec<Meets>,
    begun: Vec<Instant>,
    in_flight: usize,
}

impl Probed {
    fn new(steps: &[Meets]) -> Self {
        let steps = steps.iter().rev().copied().collect();
        Self(Arc::new(Mutex::new(State { steps, begun: Vec::new(), in_flight: 0 })))
    }

    /// When each probe began.
    fn begun(&self) -> Vec<Instant> {
        self.0.lock().unwrap().begun.clone()
    }

    fn in_flight(&self) -> usize {
        self.0.lock().unwrap().in_flight
    }

    async fn meet(&self) -> Result<(), &'static str> {
        let step = {
            let mut state = self.0.lock().unwrap();
            state.begun.push(now());
            state.in_flight += 1;
            if state.steps.len() > 1 { state.steps.pop() } else { state.steps.last().copied() }
        };
        let _ended = Ended(self);
        match step.unwrap() {
            Meets::Good => Ok(()),
            Meets::Bad => Err("connection refused"),
            Meets::Hang => std::future::pending().await,
            Meets::Panic => panic!("as the script says"),
        }
    }

    /// Probes `breaker` each second.
    fn probe(&self, breaker: &Breaker, successes: u32) {
        let probe = Probe::every(secs(1.0)).successes(successes);
        let probed = self.clone();
        breaker.probe_with(probe, move || async move || probed.meet().await).unwrap();
    }
}

struct Ended<'a>(&'a Probed);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().in_flight -= 1;
    }
}

/// Notes transitions and ends of probes.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    async fn of(breaker: &Breaker) -> Arc<Self> {
        let notes = Arc::new(Self::default());
        breaker.observe(Arc::<Self>::clone(&notes)).unwrap();
        settle().await;
        notes
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Notes {
    fn observe(&self, observation: &Observation<'_>) {
        self.0.lock().unwrap().push(match observation {
            Observation::Transition { transition, .. } => transition.to_string(),
            Observation::ProbeEnded(probe) => format!("{:?} {:?}", probe.result, probe.cause),
            _ => return,
        });
    }
}

/// Lets `seconds` pass, one by one.
async fn seconds(seconds: u32) {
    for _ in 0..seconds {
        pass(secs(1.0)).await;
    }
}
