//! What an onlooker knows, who sees callers come and go and the upstream's side of each attempt, and
//! what must hold of the runtime for them.
//!
//! Nothing here panics where something is wrong: a panic in an attempt or a task would be contained.
//! It is written down, and the episode ends with it at its next step.

mod events;
mod invariants;

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rand::rngs::SmallRng;
use resilience_actors::{
    AttemptRecord, Breaker, BreakerScope, BreakerSettings, CallError, CallKind, CallLimit,
    CallReport, Mode, Outcome, Rejection, RejectionKind, State, Verdict,
};

use crate::{
    support::{self, NoAnswer, now},
    upstream::{Answer, Mood, Plan},
};

/// Timers tick in milliseconds, so what is due within one may happen at its end.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Writes down that something does not hold.
macro_rules! hold {
    ($world:expr, $what:expr, $($text:tt)+) => {
        if !$what {
            $world.fault(format!($($text)+));
        }
    };
}
pub(crate) use hold;

/// Number of a call in its episode.
pub(crate) type Token = u64;
pub(crate) type Report = CallReport<Answer, NoAnswer>;

/// What the episode is about.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) breaker: BreakerSettings,
    pub(crate) retry: support::Rules,
    pub(crate) max_calls: usize,
    pub(crate) schedulers: usize,
    /// Whether callers leave. Where none does, some things are known exactly.
    pub(crate) leavers: bool,
}

/// The policies between a call and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// Circuit breaker and retries.
    Protected,
    /// Circuit breaker, one attempt.
    BreakerOnly,
    /// One attempt, without the breaker.
    Bare,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) limit: CallLimit,
    pub(crate) breaker: OnceCell<Breaker>,
    pub(crate) rng: RefCell<SmallRng>,
    pub(crate) mood: Cell<Mood>,
    /// The episode is over: what is dropped now says nothing.
    pub(crate) over: Cell<bool>,
    notes: RefCell<Notes>,
    faults: RefCell<Vec<String>>,
}

/// A call that somebody waits for, or whose attempt is still in flight.
#[derive(Debug)]
struct Call {
    route: Route,
    idempotent: bool,
    started: Instant,
    left: bool,
    attempts: Vec<Attempt>,
    /// A failure that counts when the call ends, unless a later attempt is a success.
    undecided: bool,
}

#[derive(Debug)]
struct Attempt {
    began: Instant,
    repeat: u32,
    epoch: u64,
    /// None: it began closed, at the instant in which half-open ended, and may be a trial of before.
    trial: Option<bool>,
    ended: Option<(Instant, Verdict)>,
}

impl Call {
    fn in_flight(&self) -> bool {
        self.attempts.last().is_some_and(|last| last.ended.is_none())
    }

    /// An attempt of this epoch that was in flight and slow at that time.
    fn is_slow(&self, epoch: u64, at: Instant, slow_call: Duration) -> bool {
        self.asks_breaker()
            && self.attempts.last().is_some_and(|last| {
                last.ended.is_none() && last.epoch == epoch && last.began + slow_call <= at
            })
    }

    fn asks_breaker(&self) -> bool {
        self.route != Route::Bare
    }

    fn retries(&self) -> bool {
        self.route == Route::Protected && self.idempotent
    }
}

/// A trial of a half-open epoch.
#[derive(Debug)]
struct Trial {
    holder: Holder,
    since: Instant,
    until: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Call(Token),
    Permit(u64),
}

/// What attempts of an epoch have said.
#[derive(Debug, Default)]
struct Said {
    good: u32,
    bad: u32,
    /// When each of the bad was said.
    failed_at: Vec<Instant>,
    /// Attempts that were slow, and have ended.
    slow: u32,
    trials: Vec<Trial>,
}

impl Said {
    fn in_flight(&self) -> usize {
        self.trials.iter().filter(|trial| trial.until.is_none()).count()
    }
}

/// Where the events say that the circuit is.
#[derive(Debug)]
struct Place {
    state: State,
    mode: Mode,
    epoch: u64,
    since: Instant,
    /// How long it stays, or was last, open by itself.
    open_time: Duration,
}

#[derive(Debug)]
struct Notes {
    calls: BTreeMap<Token, Call>,
    permits: BTreeMap<u64, (u64, bool)>,
    next_permit: u64,
    epochs: BTreeMap<u64, Said>,
    place: Place,
    left_half_open: Option<Instant>,
    newest_event: u64,
    totals: Totals,
}

/// Sums over the episode.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) steps: u64,
    pub(crate) calls: u64,
    pub(crate) attempts: u64,
    /// Those who left before they were answered: callers, and who asked for a permit.
    pub(crate) left: u64,
    /// Those of them who may have had an answer on its way.
    left_between: u64,
    successful: u64,
    failed: u64,
    ignored: u64,
    /// Answers of calls that may be retried, by whether they succeeded and were.
    answered: [[u64; 2]; 2],
    refused: [u64; RejectionKind::ALL.len()],
    pub(crate) transitions: BTreeMap<(&'static str, &'static str), u64>,
    /// How often each trip opened the circuit.
    pub(crate) trips: BTreeMap<&'static str, u64>,
    bursts: [u64; RejectionKind::ALL.len()],
    rejected_in_epochs: u64,
    released: u64,
    retries: u64,
    retries_skipped: u64,
    /// Everything that was seen, in one number: two runs of one seed have the same.
    pub(crate) digest: u64,
}

impl Totals {
    /// FNV-1a.
    fn digest(&mut self, seen: u128) {
        for byte in seen.to_le_bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn weighs_at_once(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Unsupported | Outcome::Unreachable | Outcome::Panicked)
}

impl World {
    pub(crate) fn new(rules: Rules, rng: SmallRng) -> Self {
        let place = Place {
            state: State::Closed,
            mode: Mode::Auto,
            epoch: 0,
            since: now(),
            open_time: rules.breaker.reset_timeout,
        };
        Self {
            limit: CallLimit::new(rules.max_calls),
            rules,
            breaker: OnceCell::new(),
            rng: RefCell::new(rng),
            mood: Cell::new(Mood::Healthy),
            over: Cell::new(false),
            notes: RefCell::new(Notes {
                calls: BTreeMap::new(),
                permits: BTreeMap::new(),
                next_permit: 0,
                epochs: BTreeMap::new(),
                place,
                left_half_open: None,
                newest_event: 0,
                totals: Totals::default(),
            }),
            faults: RefCell::default(),
        }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        self.breaker.get().expect("a world with a breaker")
    }

    pub(crate) fn fault(&self, fault: String) {
        if !self.over.get() {
            self.faults.borrow_mut().push(fault);
        }
    }

    pub(crate) fn first_fault(&self) -> Option<String> {
        self.faults.borrow().first().cloned()
    }

    pub(crate) fn with_totals<R>(&self, with: impl FnOnce(&mut Totals) -> R) -> R {
        with(&mut self.notes.borrow_mut().totals)
    }

    /// Calls that somebody waits for.
    pub(crate) fn waited_for(&self) -> Vec<Token> {
        let notes = self.notes.borrow();
        notes.calls.iter().filter(|(_, call)| !call.left).map(|(token, _)| *token).collect()
    }

    // ---- callers ---------------------------------------------------------------------------------

    pub(crate) fn arrives(&self, token: Token, route: Route, idempotent: bool) {
        let attempts = Vec::new();
        let started = now();
        let call = Call { route, idempotent, started, left: false, attempts, undecided: false };
        let notes = &mut *self.notes.borrow_mut();
        notes.totals.calls += 1;
        notes.calls.insert(token, call);
    }

    /// A caller is gone, and has no answer.
    pub(crate) fn leaves(&self, token: Token) {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        let Some(call) = notes.calls.get_mut(&token) else { return };
        notes.totals.left += 1;
        call.left = true;
        if !call.in_flight() {
            notes.totals.left_between += 1;
            notes.totals.failed += u64::from(call.undecided);
            notes.calls.remove(&token);
        }
    }

    /// A caller has the answer.
    pub(crate) fn is_answered(&self, token: Token, report: &Report, was_full: bool) {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        let Some(call) = notes.calls.remove(&token) else {
            return self.fault(format!("call {token} is answered twice"));
        };
        notes.totals.failed += u64::from(call.undecided);
        let (now, retry) = (now(), &self.rules.retry);
        hold!(self, !call.in_flight(), "call {token} is answered during an attempt");
        hold!(self, report.elapsed == now - call.started, "call {token}: elapsed {report:?}");
        self.attempts_are_told(token, &call, &report.attempts);
        let last = call.attempts.last().and_then(|attempt| attempt.ended);
        let last_outcome = last.map(|(_, verdict)| verdict.outcome);
        let rejection = match &report.result {
            Err(CallError::Rejected(rejection)) => Some(rejection.kind()),
            _ => None,
        };
        let of_last = match &report.result {
            Ok(answer) => {
                let of_last =
                    (answer.token, answer.attempt as usize) == (token, call.attempts.len());
                hold!(self, of_last, "call {token} has another's answer: {answer:?}");
                last_outcome.is_some()
            }
            Err(CallError::Transport(NoAnswer) | CallError::Unconnected(_)) => {
                last_outcome == Some(Outcome::Unreachable)
            }
            Err(CallError::TimedOut(_)) => last_outcome == Some(Outcome::TimedOut),
            Err(CallError::DeadlineExceeded(_)) => last_outcome == Some(Outcome::DeadlineExceeded),
            Err(CallError::Panicked) => last_outcome == Some(Outcome::Panicked),
            Err(CallError::Rejected(rejection)) => {
                self.may_be_refused(notes, &call, rejection, was_full);
                true
            }
            Err(CallError::Lost) => false,
        };
        hold!(self, of_last, "call {token}: {:?} after {last_outcome:?}", report.result);
        hold!(
            self,
            !was_full || rejection == Some(RejectionKind::Overloaded),
            "call {token} had no place, and was answered: {report:?}"
        );
        if let (Some(attempt), Some((_, verdict)), None) = (call.attempts.last(), last, rejection) {
            // At most so long: with all its jitter.
            let longest =
                self.shortest_wait(call.attempts.len(), verdict).mul_f64(1.0 + retry.jitter);
            let gave_up = call.retries()
                && verdict.outcome.is_retryable()
                && attempt.trial == Some(false)
                && call.attempts.len() < retry.max_attempts as usize
                && now + longest + TICK < call.started + retry.call_deadline
                && report.state != State::Open
                // If the circuit changed at this instant, it may have been open when the call was to wait.
                && notes.place.since < now;
            hold!(self, !gave_up, "call {token} could have been retried: {report:?}");
        }
        if let Some(kind) = rejection {
            notes.totals.refused[kind as usize] += 1;
        }
        if call.route == Route::Protected && rejection != Some(RejectionKind::Overloaded) {
            let succeeded = rejection.is_none() && last_outcome == Some(Outcome::Success);
            let retried = call.attempts.len() > 1;
            notes.totals.answered[usize::from(succeeded)][usize::from(retried)] += 1;
        }
        let outcome = last_outcome.map_or(99, |outcome| outcome as u128);
        let rejected = rejection.map_or(99, |kind| kind as u128);
        notes.totals.digest(u128::from(token) << 64 | outcome << 32 | rejected);
        notes.totals.digest(report.elapsed.as_nanos());
    }

    fn may_be_refused(&self, notes: &Notes, call: &Call, rejection: &Rejection, was_full: bool) {
        let attempts = call.attempts.len();
        let allowed = match rejection.kind() {
            RejectionKind::Overloaded => was_full && attempts == 0,
            RejectionKind::Released => call.retries() && attempts > 0,
            RejectionKind::CircuitOpen | RejectionKind::TrialLimit => {
                call.asks_breaker() && self.may_be_closed_to_all(notes)
            }
            _ => false,
        };
        hold!(self, allowed, "{rejection:?} after {attempts} attempts in {:?}", notes.place);
        let reset = self.rules.breaker.reset_max;
        let longest = (reset + reset / 10).max(reset + Duration::from_secs(1));
        let wait = rejection.retry_after();
        hold!(self, wait <= longest.max(Duration::from_secs(2)), "come back after {wait:?}");
    }

    /// Not closed, or not for longer than this instant.
    fn may_be_closed_to_all(&self, notes: &Notes) -> bool {
        notes.place.state != State::Closed || notes.place.since == now()
    }

    fn attempts_are_told(&self, token: Token, call: &Call, told: &[AttemptRecord]) {
        hold!(self, told.len() == call.attempts.len(), "call {token}: attempts {told:?}, {call:?}");
        for ((number, seen), told) in (1..).zip(&call.attempts).zip(told) {
            let Some((ended, verdict)) = seen.ended else { continue };
            let right = told.number == number
                && told.outcome == verdict.outcome
                && told.start == seen.began - call.started
                && told.elapsed == ended - seen.began;
            hold!(self, right, "call {token}: told {told:?}, seen {seen:?}");
        }
    }

    // ---- bare permits ----------------------------------------------------------------------------

    pub(crate) fn is_permitted(&self, epoch: u64, trial: bool) -> u64 {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        hold!(self, epoch <= notes.place.epoch, "a permit of epoch {epoch} in {:?}", notes.place);
        let id = notes.next_permit;
        notes.next_permit += 1;
        notes.permits.insert(id, (epoch, trial));
        if trial {
            self.trial_begins(notes, epoch, Holder::Permit(id));
        }
        id
    }

    pub(crate) fn is_refused(&self, rejection: &Rejection) {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        let kind = rejection.kind();
        let by_circuit = matches!(kind, RejectionKind::CircuitOpen | RejectionKind::TrialLimit);
        let allowed = by_circuit && self.may_be_closed_to_all(notes);
        hold!(self, allowed, "{rejection:?} in {:?}", notes.place);
        notes.totals.refused[kind as usize] += 1;
    }

    /// A permit is reported, or dropped.
    pub(crate) fn permit_ends(&self, id: u64, said: CallKind) {
        let notes = &mut *self.notes.borrow_mut();
        let Some((epoch, trial)) = notes.permits.remove(&id) else { return };
        let of_epoch = notes.epochs.entry(epoch).or_default();
        match said {
            CallKind::Successful => {
                notes.totals.successful += 1;
                of_epoch.good += 1;
            }
            CallKind::Failed => {
                notes.totals.failed += 1;
                of_epoch.bad += 1;
                of_epoch.failed_at.push(now());
            }
            CallKind::Ignored => notes.totals.ignored += 1,
        }
        if trial {
            Self::trial_ends(notes, epoch, Holder::Permit(id));
        }
    }

    fn trial_begins(&self, notes: &mut Notes, epoch: u64, holder: Holder) {
        let of_epoch = notes.epochs.entry(epoch).or_default();
        of_epoch.trials.push(Trial { holder, since: now(), until: None });
        let (in_flight, most) =
            (of_epoch.in_flight(), self.rules.breaker.half_open_max_calls as usize);
        hold!(self, in_flight <= most, "{in_flight} trials at a time in epoch {epoch}");
    }

    fn trial_ends(notes: &mut Notes, epoch: u64, holder: Holder) {
        let of_epoch = notes.epochs.entry(epoch).or_default();
        let same = |trial: &&mut Trial| trial.holder == holder && trial.until.is_none();
        if let Some(trial) = of_epoch.trials.iter_mut().find(same) {
            trial.until = Some(now());
        }
    }

    // ---- attempts, from the upstream's side ------------------------------------------------------

    /// An attempt reaches the upstream.
    pub(crate) fn begin(&self, token: Token, number: u32, repeat: u32) -> Plan {
        self.begins(token, number, repeat);
        self.mood.get().plan(&mut self.rng.borrow_mut())
    }

    fn begins(&self, token: Token, number: u32, repeat: u32) {
        self.follow_events();
        let notes = &mut *self.notes.borrow_mut();
        let (now, rules) = (now(), &self.rules);
        let Some(call) = notes.calls.get_mut(&token) else {
            return self.fault(format!("call {token}: attempt {number}, and its caller has left"));
        };
        notes
            .totals
            .digest(u128::from(token) << 64 | u128::from(number) << 32 | u128::from(repeat));
        let number = number as usize;
        if repeat > 0 {
            let last = call.attempts.last_mut().filter(|last| last.repeat + 1 == repeat);
            let Some(last) = last.filter(|last| last.ended.is_none()) else {
                return self.fault(format!("call {token}: repeat {repeat} of nothing"));
            };
            last.repeat = repeat;
            hold!(self, repeat <= rules.retry.connect_retries, "call {token}: repeat {repeat}");
            hold!(
                self,
                call.idempotent && call.asks_breaker(),
                "call {token} is not to be repeated"
            );
            hold!(self, number == call.attempts.len(), "call {token}: repeat of attempt {number}");
            return;
        }
        notes.totals.attempts += 1;
        hold!(self, !call.left, "call {token}: attempt {number} begins, its caller has left");
        hold!(self, !call.in_flight(), "call {token}: two attempts at a time");
        hold!(self, number == call.attempts.len() + 1, "call {token}: attempt {number}, {call:?}");
        let most = if call.retries() { rules.retry.max_attempts as usize } else { 1 };
        hold!(self, number <= most, "call {token}: attempt {number} of at most {most}");
        if let Some(before) = call.attempts.last() {
            let (ended, verdict) = before.ended.unwrap_or((now, Outcome::Success.into()));
            let (outcome, waited) = (verdict.outcome, now - ended);
            hold!(self, outcome.is_retryable(), "call {token} is retried after {outcome:?}");
            hold!(self, before.trial != Some(true), "call {token}: a trial is retried");
            let wait = self.shortest_wait(number - 1, verdict);
            hold!(self, waited >= wait, "call {token} waited {waited:?}, not {wait:?}");
            let longest = wait.mul_f64(1.0 + rules.retry.jitter) + TICK;
            hold!(self, waited <= longest, "call {token} waited {waited:?}, more than {longest:?}");
            let deadline = call.started + rules.retry.call_deadline;
            hold!(self, now < deadline, "call {token}: an attempt begins behind its deadline");
        } else {
            hold!(self, now == call.started, "call {token}: its first attempt waits");
        }

        let (state, epoch) = (self.breaker().state(), self.breaker().counts().epoch.number);
        // A permit of the actor is on its way for no time, but the circuit may change meanwhile.
        let trial_of_before = notes.left_half_open == Some(now);
        let trial = match state {
            _ if !call.asks_breaker() => Some(false),
            State::Closed if trial_of_before => None,
            State::Closed => Some(false),
            State::HalfOpen => Some(true),
            State::Open => {
                hold!(self, trial_of_before, "call {token}: attempt {number} begins while open");
                None
            }
        };
        call.attempts.push(Attempt { began: now, repeat, epoch, trial, ended: None });
        if trial == Some(true) {
            self.trial_begins(notes, epoch, Holder::Call(token));
        }
    }

    /// An attempt that has begun is to use a new connection, or may use a kept one.
    pub(crate) fn connects(&self, token: Token, fresh: bool) {
        let notes = self.notes.borrow();
        let Some([before @ .., attempt]) = notes.calls.get(&token).map(|call| &call.attempts[..])
        else {
            return;
        };
        let blamed = [Outcome::TimedOut, Outcome::Unreachable, Outcome::Transient];
        let last = before.last().and_then(|last| last.ended);
        let must = attempt.repeat > 0
            || attempt.trial == Some(true)
            || last.is_some_and(|(_, verdict)| blamed.contains(&verdict.outcome));
        let fits = fresh == must || attempt.trial.is_none();
        hold!(self, fits, "call {token}: a fresh connection {fresh}, {attempt:?} after {last:?}");
    }

    /// The wait after attempt `number`, without jitter.
    fn shortest_wait(&self, number: usize, verdict: Verdict) -> Duration {
        let retry = &self.rules.retry;
        let mut wait = retry.base_delay;
        for _ in 1..number {
            wait = wait.mul_f64(retry.multiplier);
        }
        wait.min(retry.max_delay).max(verdict.retry_after.unwrap_or_default())
    }

    /// An attempt ends before it reaches the upstream.
    pub(crate) fn panics_before_its_attempt(&self, token: Token) {
        let number =
            self.notes.borrow().calls.get(&token).map_or(0, |call| call.attempts.len()) + 1;
        self.begins(token, u32::try_from(number).expect("few attempts"), 0);
        self.end(token, Some(Outcome::Panicked.into()), false);
    }

    /// An attempt ends, if only to be repeated. Without a verdict, the runtime has dropped it.
    pub(crate) fn end(&self, token: Token, verdict: Option<Verdict>, connecting: bool) {
        let notes = &mut *self.notes.borrow_mut();
        if self.over.get() {
            return;
        }
        let (now, rules) = (now(), &self.rules);
        let Some(call) = notes.calls.get_mut(&token) else {
            return self.fault(format!("call {token}: an attempt of nobody ends"));
        };
        let (asks_breaker, number) = (call.asks_breaker(), call.attempts.len());
        let repeats = if asks_breaker && call.idempotent { rules.retry.connect_retries } else { 0 };
        let deadline = call.started + rules.retry.call_deadline;
        let left = call.left;
        let Some(attempt) = call.attempts.last_mut() else {
            return self.fault(format!("call {token}: an attempt ends that never began"));
        };
        let timeout = rules.retry.attempt_timeout;
        let budget = if number == 1 { timeout } else { timeout.min(deadline - attempt.began) };
        let took = now - attempt.began;
        let verdict = verdict.unwrap_or_else(|| {
            let in_time = took >= budget && took <= budget + TICK;
            hold!(self, in_time, "call {token}: dropped after {took:?} of {budget:?}");
            let outcome = match connecting {
                _ if budget < timeout => Outcome::DeadlineExceeded,
                true => Outcome::Unreachable,
                false => Outcome::TimedOut,
            };
            // The last word, however often it might have been repeated.
            attempt.repeat = repeats;
            outcome.into()
        });
        let outcome = verdict.outcome;
        // It is repeated, unless its time is over.
        if outcome == Outcome::Unreachable && attempt.repeat < repeats && took < budget {
            return;
        }
        attempt.ended = Some((now, verdict));
        let (epoch, trial) = (attempt.epoch, attempt.trial);
        if asks_breaker {
            let of_epoch = notes.epochs.entry(epoch).or_default();
            of_epoch.slow += u32::from(rules.breaker.slow_call.is_some_and(|slow| took >= slow));
            if outcome.kind() == CallKind::Ignored {
                notes.totals.ignored += 1;
            } else {
                // A success repairs the failure before it, another failure takes its place.
                notes.totals.ignored += u64::from(std::mem::take(&mut call.undecided));
            }
            match outcome.kind() {
                CallKind::Successful => {
                    of_epoch.good += 1;
                    notes.totals.successful += 1;
                }
                CallKind::Ignored => {}
                CallKind::Failed => {
                    of_epoch.bad += 1;
                    of_epoch.failed_at.push(now);
                    let at_once = weighs_at_once(outcome)
                        || trial == Some(true)
                        || rules.retry.scope == BreakerScope::Attempt;
                    call.undecided = !at_once;
                    notes.totals.failed += u64::from(at_once);
                }
            }
        }
        if left {
            notes.totals.failed += u64::from(call.undecided);
            notes.calls.remove(&token);
        }
        if trial == Some(true) {
            Self::trial_ends(notes, epoch, Holder::Call(token));
        }
    }

    /// Whether the circuit would let a trial through, as far as can be seen.
    pub(crate) fn place(&self) -> (State, Mode) {
        let notes = self.notes.borrow();
        (notes.place.state, notes.place.mode)
    }
}
