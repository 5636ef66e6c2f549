//! One run: calls at a fixed rate, until the circuit opens.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use resilience_actors::{Breaker, Permit, State};

use crate::{
    backend::{Backend, Fate},
    points::Point,
};

/// The run begins with good calls for this time, longer than any window of time. Every window is full then.
const WARM_UP: Duration = Duration::from_secs(70);
/// And with this number of good calls, as many as the largest window of calls.
const WARM_UP_CALLS: u32 = 100;
/// How long a slow answer takes. Shorter than the timeout.
const SLOW_ANSWER: Duration = Duration::from_secs(2);
/// When a call that hangs fails: the lab's `ATTEMPT_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How a run ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// Whether the circuit opened.
    pub(crate) opened: bool,
    /// Calls that began after the begin of the fault.
    pub(crate) calls: u32,
    /// Time since the begin of the fault.
    pub(crate) after: Duration,
}

/// Must run on a paused clock.
pub(crate) async fn play(point: &Point, seed: u64) -> Ended {
    let breaker = Breaker::start(point.config.clone());
    let interval = Duration::from_secs(1) / point.calls_per_second;
    let mut traffic = Traffic::new(&breaker);
    let mut healthy = 0;
    while healthy < WARM_UP_CALLS || interval * healthy < WARM_UP {
        traffic.advance_to(interval * healthy).await;
        traffic.begin(Fate::Good).await;
        healthy += 1;
    }
    let (fault_begins, mut backend) =
        (interval * healthy, Backend::new(point.fault, point.rate, seed));
    for call in 0..point.limit {
        let after = interval * call;
        traffic.advance_to(fault_begins + after).await;
        if traffic.is_open() {
            break;
        }
        traffic.begin(backend.call(after)).await;
    }
    let (calls, after) = (traffic.calls - healthy, traffic.now.saturating_sub(fault_begins));
    Ended { opened: traffic.is_open(), calls, after }
}

/// The calls of a run.
struct Traffic<'a> {
    breaker: &'a Breaker,
    calls: u32,
    began: Instant,
    /// Time since then.
    now: Duration,
    /// How far tokio's clock is behind.
    behind: Duration,
    /// Calls without an answer, by the time of their next step and by their number.
    in_flight: BTreeMap<(Duration, u32), (Step, Permit<'a>)>,
}

/// What happens next to a call in flight.
enum Step {
    BecomesSlow { then: Fate, begin: Duration },
    Ends(Fate),
}

impl<'a> Traffic<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "callers of the breaker read the same clock as it does"
    )]
    fn new(breaker: &'a Breaker) -> Self {
        let (began, zero) = (tokio::time::Instant::now().into_std(), Duration::ZERO);
        Self { breaker, calls: 0, began, now: zero, behind: zero, in_flight: BTreeMap::new() }
    }

    fn is_open(&self) -> bool {
        self.breaker.state() == State::Open
    }

    async fn begin(&mut self, fate: Fate) {
        // Never rejected: the circuit is closed.
        let Ok(permit) = self.breaker.admit().await else { return };
        self.calls += 1;
        match (fate, self.breaker.slow_after()) {
            (Fate::Good, _) => self.succeed(permit).await,
            (Fate::Fails, _) => self.fail(permit, "fails").await,
            (then, Some(slow_after)) => {
                let step = Step::BecomesSlow { then, begin: self.now };
                self.in_flight.insert((self.now + slow_after, self.calls), (step, permit));
            }
            (fate, None) => self.ends_at(self.now, fate, self.calls, permit),
        }
    }

    fn ends_at(&mut self, begin: Duration, fate: Fate, call: u32, permit: Permit<'a>) {
        let takes = if fate == Fate::Slow { SLOW_ANSWER } else { TIMEOUT };
        self.in_flight.insert((begin + takes, call), (Step::Ends(fate), permit));
    }

    /// Lets the time pass until `at` or until the circuit opens.
    async fn advance_to(&mut self, at: Duration) {
        while !self.is_open()
            && let Some(first) = self.in_flight.first_entry()
            && first.key().0 <= at
        {
            let ((due, call), (step, permit)) = first.remove_entry();
            self.set_clock(due);
            self.step(call, step, permit).await;
        }
        if !self.is_open() {
            self.set_clock(at);
        }
    }

    async fn step(&mut self, call: u32, step: Step, mut permit: Permit<'a>) {
        match step {
            Step::BecomesSlow { then, begin } => {
                self.show_clock().await;
                permit.slow();
                // Answered after the report is handled. An error means that the actor is gone.
                let _ = self.breaker.inspect().await;
                self.ends_at(begin, then, call, permit);
            }
            Step::Ends(Fate::Slow) => self.succeed(permit).await,
            Step::Ends(_) => self.fail(permit, "timed out").await,
        }
    }

    /// A success reads no clock, so that the clock need not be shown: most calls are good.
    async fn succeed(&self, permit: Permit<'_>) {
        permit.success_at(self.began + self.now).await;
    }

    async fn fail(&mut self, permit: Permit<'_>, cause: &str) {
        self.show_clock().await;
        permit.failure(cause).await;
    }

    fn set_clock(&mut self, at: Duration) {
        self.behind += at.saturating_sub(self.now);
        self.now = at;
    }

    /// Sets tokio's clock, which the breaker reads.
    async fn show_clock(&mut self) {
        tokio::time::advance(std::mem::take(&mut self.behind)).await;
    }
}
