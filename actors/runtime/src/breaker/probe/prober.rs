//! The actor that makes the probes of one breaker.

use std::{fmt::Display, panic::AssertUnwindSafe, pin::pin, rc::Rc, time::Instant};

use actix::{WeakRecipient, fut::wrap_future, prelude::*};
use futures::FutureExt as _;

use super::{
    messages::{CircuitChanged, ProbeEnded},
    record::{ProbeRecord, ProbeResult},
    round::Round,
    settings::Probe,
};
use crate::{
    breaker::counted::{Counted, Depth},
    clock::{self, within},
    panics::{contained, discard},
    timer::Timer,
};

/// The way to the breaker's actor. Weak, because the breaker's actor owns its prober.
pub(super) struct Reports {
    pub(super) breaker: WeakRecipient<Counted<ProbeEnded>>,
    pub(super) depth: Depth,
}

/// Makes the probes of one breaker, one at a time. Ends with the breaker's actor, which has its only address.
pub(super) struct Prober<F> {
    probe: Probe,
    operation: Rc<F>,
    reports: Reports,
    /// None unless the circuit is open by its own rules.
    round: Option<Round>,
    timer: Timer,
    in_flight: Option<SpawnHandle>,
}

/// The probe timer: the next probe may be due.
#[derive(Message)]
#[rtype(result = "()")]
struct ProbeDue;

impl<F, T, E> Prober<F>
where
    F: AsyncFn() -> Result<T, E> + 'static,
    E: Display + 'static,
    T: 'static,
{
    pub(super) fn new(probe: Probe, operation: F, reports: Reports) -> Self {
        let operation = Rc::new(operation);
        Self { probe, operation, reports, round: None, timer: Timer::default(), in_flight: None }
    }

    /// Begins a probe if one is due, and sets the timer for the next.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        if let Some(round) = &mut self.round
            && round.begin(now)
        {
            let (epoch, timeout) = (round.epoch(), self.probe.probe_timeout);
            let probe = make(Rc::clone(&self.operation), now, now + timeout);
            let probe = wrap_future::<_, Self>(probe);
            let reported = probe.map(move |probe, prober, ctx| prober.ended(epoch, probe, ctx));
            self.in_flight = Some(ctx.spawn(reported));
        }
        let due = self.round.as_ref().and_then(Round::poll_timeout);
        self.timer.set(ctx, now, due, ProbeDue);
    }

    /// Reports how a probe ended.
    fn ended(&mut self, epoch: u64, probe: ProbeRecord, ctx: &mut Context<Self>) {
        self.in_flight = None;
        let Some(round) = self.round.as_mut().filter(|round| round.epoch() == epoch) else {
            return;
        };
        let successes = round.end(clock::now(), probe.result == ProbeResult::Success);
        match self.reports.breaker.upgrade() {
            Some(breaker) => {
                let ended = ProbeEnded { epoch, probe, successes };
                breaker.do_send(self.reports.depth.counted(ended));
            }
            // A timer would keep the prober alive.
            None => self.round = None,
        }
        self.proceed(ctx);
    }
}

/// Makes one probe. A panic in it is a failure.
async fn make<F, T, E>(operation: Rc<F>, began: Instant, due: Instant) -> ProbeRecord
where
    F: AsyncFn() -> Result<T, E>,
    E: Display,
{
    // In a block of its own: the call itself may panic, before there is a future.
    let run = pin!(AssertUnwindSafe(async { operation().await }).catch_unwind());
    let (result, cause) = match within(due, run).await {
        Some(Ok(Ok(_))) => (ProbeResult::Success, None),
        Some(Ok(Err(error))) => (ProbeResult::Failure, contained(|| error.to_string())),
        Some(Err(payload)) => {
            discard(payload);
            (ProbeResult::Failure, Some("the probe panicked".to_owned()))
        }
        None => (ProbeResult::Timeout, None),
    };
    ProbeRecord { result, cause, elapsed: clock::now() - began }
}

impl<F: 'static> Actor for Prober<F> {
    type Context = Context<Self>;
}

impl<F, T, E> Handler<CircuitChanged> for Prober<F>
where
    F: AsyncFn() -> Result<T, E> + 'static,
    E: Display + 'static,
    T: 'static,
{
    type Result = ();

    fn handle(&mut self, changed: CircuitChanged, ctx: &mut Context<Self>) {
        if let Some(probe) = self.in_flight.take() {
            ctx.cancel_future(probe);
        }
        self.round = changed.opened.then(|| Round::new(self.probe, changed.epoch, clock::now()));
        self.proceed(ctx);
    }
}

impl<F, T, E> Handler<ProbeDue> for Prober<F>
where
    F: AsyncFn() -> Result<T, E> + 'static,
    E: Display + 'static,
    T: 'static,
{
    type Result = ();

    fn handle(&mut self, _: ProbeDue, ctx: &mut Context<Self>) {
        self.timer.delivered(clock::now());
        self.proceed(ctx);
    }
}
