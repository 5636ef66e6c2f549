//! One run: a random setting, random steps, and then quiet, in which everything must come to an end.

use std::{collections::VecDeque, rc::Rc, time::Duration};

use actix_rt::task::JoinHandle;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use resilience_actors::{
    Breaker, BreakerConfig, BreakerScope, BreakerSettings, CallKind, Mode, State, Window,
};

use crate::{
    support::{self, Lab, pass, paused, secs, settle},
    upstream::{Ask, Mood, Request},
    world::{Report, Route, Rules, TICK, Token, Totals, World, hold},
};

/// How many steps a seed stands for.
pub(crate) const STEPS: u64 = 1_000;

#[derive(Debug, Clone, Copy)]
enum Op {
    Calls {
        calls: u32,
        route: Route,
        idempotent: bool,
        touchy: bool,
    },
    /// A user of the breaker without an upstream.
    Permit {
        hold: Duration,
        then: Then,
    },
    CallerLeaves,
    HolderLeaves,
    /// Somebody comes, and leaves again after so many turns.
    FickleCall(u32),
    FicklePermit(u32, Then),
    Pass(Duration),
    Mood(Mood),
    Reset,
    Choose(Mode),
    /// As many failures in a row as open the circuit.
    FailInARow,
}

/// What becomes of a permit.
#[derive(Debug, Clone, Copy)]
enum Then {
    Succeed,
    Fail,
    Neutral,
    Drop,
}

/// How far the world goes on after a step.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Not at all: the next step is in the same turn.
    AtOnce,
    /// Each task that can run has so many turns.
    Turns(u32),
    /// Until nothing can run.
    Settle,
}

/// Plays the episode of a seed, and returns what it came to.
///
/// # Panics
/// Where something does not hold.
pub(crate) fn play(seed: u64) -> Totals {
    paused(async move {
        // A task like all others: what is polled first in each turn would be one of a kind.
        let played = actix_rt::spawn(async move { Episode::new(seed).play().await });
        played.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    })
}

fn millis(rng: &mut SmallRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..=to))
}

fn then(rng: &mut SmallRng) -> Then {
    match rng.random_range(0..6) {
        0 | 1 => Then::Succeed,
        2 | 3 => Then::Fail,
        4 => Then::Neutral,
        _ => Then::Drop,
    }
}

fn rules(rng: &mut SmallRng) -> Rules {
    let reset_timeout = millis(rng, 500, 5_000);
    let attempt_timeout = millis(rng, 200, 2_500);
    let mut breaker = BreakerSettings {
        fail_max: rng.random_range(1..=6),
        reset_timeout,
        reset_backoff: if rng.random() { rng.random_range(1.0..3.0) } else { 1.0 },
        reset_max: reset_timeout + millis(rng, 0, 10_000),
        half_open_max_calls: rng.random_range(1..=4),
        success_threshold: rng.random_range(1..=4),
        trial_lease: attempt_timeout + millis(rng, 0, 2_000),
        ..BreakerSettings::default()
    };
    choose_trips(rng, &mut breaker, attempt_timeout);
    let base_delay = millis(rng, 50, 1_000);
    let retry = support::Rules {
        max_attempts: rng.random_range(1..=5),
        base_delay,
        multiplier: rng.random_range(1.0..3.0),
        max_delay: base_delay + millis(rng, 0, 4_000),
        jitter: if rng.random() { rng.random_range(0.0..1.0) } else { 0.0 },
        attempt_timeout,
        call_deadline: attempt_timeout + millis(rng, 0, 8_000),
        connect_retries: rng.random_range(0..=2),
        scope: if rng.random() { BreakerScope::Call } else { BreakerScope::Attempt },
    };
    let max_calls = rng.random_range(1..=40);
    let (schedulers, leavers) = (rng.random_range(1..=3), rng.random_bool(0.7));
    Rules { breaker, retry, max_calls, schedulers, leavers }
}

/// Half of the episodes know more trips than the streak.
fn choose_trips(rng: &mut SmallRng, breaker: &mut BreakerSettings, attempt_timeout: Duration) {
    if rng.random() {
        return;
    }
    breaker.min_calls = rng.random_range(1..=10);
    breaker.window = match rng.random() {
        true => Window::Calls(breaker.min_calls + rng.random_range(0..=20)),
        false => Window::Time(millis(rng, 500, 5_000)),
    };
    if rng.random() {
        breaker.slow_rate = Some(rng.random_range(0.2..1.0));
        breaker.slow_call = Some(millis(rng, 20, 1_000).min(attempt_timeout / 2));
    }
    if rng.random() {
        breaker.failure_rate = Some(rng.random_range(0.2..1.0));
        if rng.random() {
            breaker.fail_max = 0;
        }
    }
}

struct Episode {
    rng: SmallRng,
    world: Rc<World>,
    breaker: Breaker,
    labs: Vec<Lab<()>>,
    next_token: Token,
    calls: Vec<JoinHandle<()>>,
    holders: Vec<JoinHandle<()>>,
    /// For whoever has to find out what went wrong.
    lately: VecDeque<(Op, Pace)>,
}

impl Episode {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let rules = rules(&mut rng);
        let breaker =
            Breaker::start(BreakerConfig::try_from(rules.breaker.clone()).expect("valid"));
        let world = Rc::new(World::new(rules, rng.fork()));
        world.breaker.set(breaker.clone()).expect("the first");
        let labs = (0..world.rules.schedulers).map(|_| {
            let (rules, limit) = (world.rules.retry.clone(), world.limit.clone());
            Lab::seeded((), rules, &breaker, limit, rng.next_u64())
        });
        let labs = labs.collect();
        let (calls, holders, lately) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { rng, world, breaker, labs, next_token: 1, calls, holders, lately }
    }

    async fn play(mut self) -> Totals {
        for _ in 0..STEPS {
            let (op, pace) = (self.choose(), self.pace());
            if self.lately.len() == 20 {
                self.lately.pop_front();
            }
            self.lately.push_back((op, pace));
            self.step(op).await;
            match pace {
                Pace::AtOnce => {}
                Pace::Turns(turns) => turn_by_turn(turns).await,
                Pace::Settle => self.look().await,
            }
            self.world.with_totals(|totals| totals.steps += 1);
            self.end_if_faulty();
        }
        self.come_to_an_end().await;
        self.end_if_faulty();
        self.world.over.set(true);
        self.world.with_totals(std::mem::take)
    }

    fn end_if_faulty(&self) {
        if let Some(fault) = self.world.first_fault() {
            let step = self.world.with_totals(|totals| totals.steps);
            let lately: Vec<_> = self.lately.iter().map(|step| format!("\n  {step:?}")).collect();
            panic!("step {step}: {fault}\n{:?}\nlast:{}", self.world.rules, lately.concat());
        }
    }

    fn choose(&mut self) -> Op {
        let Self { rng, world, .. } = self;
        let Rules { breaker, retry, leavers, .. } = &world.rules;
        match rng.random_range(0..100) {
            0..38 => Op::Calls {
                calls: if rng.random_bool(0.1) { rng.random_range(2..12) } else { 1 },
                route: match rng.random_range(0..10) {
                    0 => Route::Bare,
                    1 => Route::BreakerOnly,
                    _ => Route::Protected,
                },
                idempotent: rng.random_bool(0.9),
                touchy: rng.random_bool(0.02),
            },
            38..50 => {
                let hold = if rng.random() { Duration::ZERO } else { millis(rng, 1, 4_000) };
                Op::Permit { hold, then: then(rng) }
            }
            50..58 if *leavers => Op::CallerLeaves,
            58..61 if *leavers => Op::HolderLeaves,
            61..63 if *leavers => Op::FickleCall(rng.random_range(0..8)),
            63..65 if *leavers => Op::FicklePermit(rng.random_range(0..8), then(rng)),
            50..88 => Op::Pass(match rng.random_range(0..20) {
                0..10 => millis(rng, 1, 50),
                10..17 => millis(rng, 50, 800),
                17 => breaker.reset_timeout,
                18 => breaker.trial_lease,
                _ => retry.base_delay,
            }),
            88..93 => Op::Mood(Mood::ALL[rng.random_range(0..Mood::ALL.len())]),
            93..95 => Op::Reset,
            95..98 => Op::Choose(match rng.random_range(0..5) {
                0 => Mode::ForcedOpen,
                1 => Mode::Disabled,
                _ => Mode::Auto,
            }),
            _ => Op::FailInARow,
        }
    }

    fn pace(&mut self) -> Pace {
        match self.rng.random_range(0..10) {
            0..3 => Pace::AtOnce,
            3..6 => Pace::Turns(self.rng.random_range(1..5)),
            _ => Pace::Settle,
        }
    }

    async fn step(&mut self, op: Op) {
        match op {
            Op::Calls { calls, route, idempotent, touchy } => {
                for _ in 0..calls {
                    let call = self.comes(route, idempotent, touchy);
                    self.calls.push(actix_rt::spawn(call));
                }
            }
            Op::Permit { hold, then } => {
                self.holders.push(actix_rt::spawn(permit(Rc::clone(&self.world), hold, then)));
            }
            Op::FickleCall(turns) => {
                let call = self.comes(Route::Protected, true, false);
                for_so_many_turns(turns, call).await;
            }
            Op::FicklePermit(turns, then) => {
                let permit = permit(Rc::clone(&self.world), Duration::ZERO, then);
                for_so_many_turns(turns, permit).await;
            }
            Op::CallerLeaves => leave(&mut self.rng, &mut self.calls),
            Op::HolderLeaves => leave(&mut self.rng, &mut self.holders),
            Op::Pass(time) => {
                pass(time).await;
                self.look().await;
            }
            Op::Mood(mood) => self.world.mood.set(mood),
            Op::Reset => {
                let breaker = self.breaker.clone();
                self.holders
                    .push(actix_rt::spawn(async move { breaker.reset().await.expect("running") }));
            }
            Op::Choose(mode) => {
                let breaker = self.breaker.clone();
                self.holders.push(actix_rt::spawn(async move {
                    let chosen = match mode {
                        Mode::Auto => breaker.enable().await,
                        Mode::ForcedOpen => breaker.force_open().await,
                        Mode::Disabled => breaker.disable().await,
                    };
                    chosen.expect("running");
                }));
            }
            Op::FailInARow => self.fail_in_a_row().await,
        }
    }

    fn comes(
        &mut self,
        route: Route,
        idempotent: bool,
        touchy: bool,
    ) -> impl Future<Output = ()> + use<> {
        let token = self.next_token;
        self.next_token += 1;
        let request = Request { token, idempotent, touchy };
        let lab = self.labs[self.rng.random_range(0..self.labs.len())].clone();
        call(Rc::clone(&self.world), lab, request, route)
    }

    /// Waits until nothing can run, and sees whether all is as it must be.
    async fn look(&mut self) {
        settle().await;
        self.world.holds();
        if self.rng.random_bool(0.3) {
            self.world.inspected().await;
        }
        self.calls.retain(|task| !task.is_finished());
        self.holders.retain(|task| !task.is_finished());
    }

    /// Failures in a row open the circuit, and who reports the last of them knows it.
    async fn fail_in_a_row(&self) {
        let before = self.breaker.counts().epoch;
        for _ in 0..self.world.rules.breaker.fail_max {
            match self.breaker.admit().await {
                Ok(permit) => {
                    let id = self.world.is_permitted(permit.epoch(), permit.is_trial());
                    self.world.permit_ends(id, CallKind::Failed);
                    permit.failure("one of a row").await;
                }
                Err(rejection) => return self.world.is_refused(&rejection),
            }
        }
        let after = self.breaker.counts().epoch;
        // With no success between, and nobody's hand on it.
        let opens = self.world.rules.breaker.fail_max > 0;
        if opens && before == after && self.breaker.mode() == Mode::Auto {
            self.world.fault("as many failures as open a circuit have not".into());
        }
    }

    /// Nobody comes any more: everything ends, the circuit closes again, and opens again.
    async fn come_to_an_end(&mut self) {
        let Rules { breaker, retry, .. } = self.world.rules.clone();
        pass(retry.call_deadline + TICK).await;
        self.look().await;
        pass(secs(5.0) + breaker.reset_max + breaker.trial_lease).await;
        self.look().await;
        let waited_for = self.world.waited_for();
        hold!(self.world, waited_for.is_empty(), "calls {waited_for:?} have no answer");
        self.breaker.enable().await.expect("running");
        self.look().await;
        let (state, _) = self.world.place();
        hold!(self.world, state != State::Open, "nothing happens, and the circuit stays open");

        for _ in 0..breaker.success_threshold {
            self.permit(Then::Succeed).await;
        }
        hold!(self.world, self.world.place().0 == State::Closed, "good trials do not close");
        // Enough of them for each trip, where no success is left in a window.
        let failures = match breaker.window {
            _ if breaker.fail_max > 0 => breaker.fail_max,
            Window::Calls(calls) => calls,
            Window::Time(time) => {
                pass(time).await;
                breaker.min_calls
            }
        };
        for _ in 0..failures {
            self.permit(Then::Fail).await;
        }
        hold!(self.world, self.world.place().0 == State::Open, "failures do not open");
        // The last burst is told of, and the retries that were too many.
        pass(secs(3.0)).await;
        self.world.breaker().events().newest();
        self.world.adds_up_at_last();
        self.world.inspected().await;
    }

    async fn permit(&mut self, then: Then) {
        permit(Rc::clone(&self.world), Duration::ZERO, then).await;
        self.look().await;
    }
}

/// Lets each task that can run have so many turns.
async fn turn_by_turn(mut turns: u32) {
    std::future::poll_fn(|cx| {
        if turns == 0 {
            return std::task::Poll::Ready(());
        }
        turns -= 1;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Drops a future after so many turns. A task that is aborted ends a turn later, when whatever it has
/// caused has happened; this one ends before.
async fn for_so_many_turns(turns: u32, future: impl Future<Output = ()>) {
    let mut future = std::pin::pin!(future);
    for _ in 0..turns {
        if futures::poll!(&mut future).is_ready() {
            return;
        }
        turn_by_turn(1).await;
    }
    let _ = futures::poll!(&mut future);
}

fn leave(rng: &mut SmallRng, tasks: &mut Vec<JoinHandle<()>>) {
    if !tasks.is_empty() {
        tasks.swap_remove(rng.random_range(0..tasks.len())).abort();
    }
}

/// A caller, who may leave at any time.
async fn call(world: Rc<World>, lab: Lab<()>, request: Request, route: Route) {
    let was_full = world.limit.in_use() >= world.limit.max();
    world.arrives(request.token, route, request.idempotent && !request.touchy);
    let caller = Caller { world: &world, token: request.token };
    let upstream = match route {
        Route::Protected => &lab.protected,
        Route::BreakerOnly => &lab.breaker_only,
        Route::Bare => &lab.bare,
    };
    let report: Report = upstream.run(Ask { world: Rc::clone(&world), request }).await;
    world.is_answered(caller.token, &report, was_full);
}

struct Caller<'a> {
    world: &'a World,
    token: Token,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.world.fault(format!("the task of call {} panicked", self.token));
        }
        self.world.leaves(self.token);
    }
}

/// Somebody who asks the breaker for leave, may hold it for a while, and may leave at any time.
async fn permit(world: Rc<World>, hold: Duration, then: Then) {
    let mut asking = Asking { world: &world, answered: false };
    let admitted = world.breaker().admit().await;
    asking.answered = true;
    let permit = match admitted {
        Ok(permit) => permit,
        Err(rejection) => return world.is_refused(&rejection),
    };
    let id = world.is_permitted(permit.epoch(), permit.is_trial());
    let holder = Holder { world: &world, id };
    if !hold.is_zero() {
        tokio::time::sleep(hold).await;
    }
    match then {
        Then::Succeed => {
            holder.says(CallKind::Successful);
            permit.success().await;
        }
        Then::Fail => {
            holder.says(CallKind::Failed);
            permit.failure("status 500").await;
        }
        Then::Neutral => {
            holder.says(CallKind::Ignored);
            permit.neutral().await;
        }
        Then::Drop => drop(permit),
    }
}

struct Asking<'a> {
    world: &'a World,
    answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.world.with_totals(|totals| totals.left += 1);
        }
    }
}

struct Holder<'a> {
    world: &'a World,
    id: u64,
}

impl Holder<'_> {
    fn says(&self, kind: CallKind) {
        self.world.permit_ends(self.id, kind);
    }
}

impl Drop for Holder<'_> {
    fn drop(&mut self) {
        self.says(CallKind::Ignored);
    }
}
