//! What an upstream has seen, and its policies with it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use resilience_actors::{CallSettings, Outcome};

use super::{
    Attempt, Budget, Call, Quiet,
    in_force::{Eras, InForce, uses_percentile},
};
use crate::support::{Settings, now};

#[derive(Debug)]
pub(crate) struct UpstreamRecord {
    pub(crate) settings: InForce<Settings>,
    /// Other settings that are asked for now.
    pub(crate) asked_now: Option<Settings>,
    /// Settings that were asked for together with settings of the breaker, and are not in force yet.
    pub(crate) asked: VecDeque<Settings>,
    pub(crate) eras: Eras,
    pub(crate) tokens: Tokens,
    /// When it refused an attempt, or an attempt was throttled, for the last time.
    pub(crate) refused: Option<Instant>,
    /// Its last quiet period in each era.
    pub(crate) quiet: BTreeMap<u32, Quiet>,
    /// When an attempt ended for the last time, and how many ended then.
    pub(crate) last_ended: Option<(Instant, usize)>,
    pub(crate) hedges: Hedges,
    pub(crate) budget: Budget,
    pub(crate) faults: Faults,
}

/// What the rate limit has seen since its rate changed for the last time.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) since: Instant,
    /// Attempts that may have had their token then, and had not begun.
    pub(crate) taken: usize,
    /// When attempts began.
    pub(crate) begun: Vec<Instant>,
}

impl Tokens {
    fn new(taken: usize) -> Self {
        Self { since: now(), taken, begun: Vec::new() }
    }
}

/// What fault injection has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Attempts, with or without a fault.
    pub(crate) attempts: u64,
    pub(crate) failures: u64,
    pub(crate) delays: u64,
    pub(crate) panics: u64,
}

/// What hedging knows.
#[derive(Debug, Default)]
pub(crate) struct Hedges {
    pub(crate) made: u64,
    /// Hedges that gave a good answer.
    pub(crate) won: u64,
    /// When each attempt with a good answer ended, and each that lost against a hedge; and how long it took. Without
    /// hedges, trials, and attempts of calls that have no retries.
    pub(crate) latencies: Vec<(Instant, Duration)>,
    /// One of these may have been a trial.
    pub(crate) latencies_unsure: bool,
}

impl UpstreamRecord {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings: InForce::new(settings),
            asked_now: None,
            asked: VecDeque::new(),
            eras: Eras::default(),
            tokens: Tokens::new(0),
            refused: None,
            quiet: BTreeMap::new(),
            last_ended: None,
            hedges: Hedges::default(),
            budget: Budget::default(),
            faults: Faults::default(),
        }
    }

    /// These settings are asked for now. They change nothing if they are in force.
    pub(crate) fn is_asked_now(&mut self, settings: &Settings) {
        let [asked, in_force] =
            [settings, self.settings.now()].map(|it| CallSettings::from(it.clone()));
        self.asked_now = (asked != in_force).then(|| settings.clone());
    }

    /// The settings change, while this number of its calls is not in flight. A policy that is switched on begins anew.
    pub(crate) fn change(&mut self, after: Settings, waiting: usize) {
        let (before, eras) = (self.settings.now().clone(), self.eras);
        self.eras.change(&before, &after);
        let of_rate = |of: &Settings| {
            let rate = of.rate.as_ref()?;
            Some((rate.rate_limit, rate.rate_period, rate.rate_burst))
        };
        if of_rate(&before) != of_rate(&after) {
            self.tokens = Tokens::new(waiting);
        }
        if eras.hedge != self.eras.hedge {
            (self.hedges.made, self.hedges.won) = (0, 0);
        }
        if eras.percentile != self.eras.percentile {
            (self.hedges.latencies, self.hedges.latencies_unsure) = (Vec::new(), false);
        }
        if eras.retry_budget != self.eras.retry_budget {
            self.budget = Budget::default();
        }
        if eras.chaos != self.eras.chaos {
            self.faults = Faults::default();
        }
        self.settings.change(after);
    }

    /// The call shares this policy with the calls that begin now.
    pub(crate) fn shares<T: PartialEq>(&self, call: &Call, policy: fn(&Eras) -> T) -> bool {
        call.asks_breaker() && policy(&call.eras) == policy(&self.eras)
    }

    pub(crate) fn attempt_ends(&mut self) {
        self.last_ended = Some((now(), self.ended_now() + 1));
    }

    /// Number of attempts that have ended at this instant.
    pub(crate) fn ended_now(&self) -> usize {
        self.last_ended.filter(|(at, _)| *at == now()).map_or(0, |(_, ended)| ended)
    }

    /// An attempt of a call with retries has ended.
    pub(crate) fn hedges_learn(&mut self, call: &Call, attempt: &Attempt, outcome: Outcome) {
        if self.shares(call, |eras| eras.hedge) && attempt.hedge {
            self.hedges.won += u64::from(attempt.is_good());
        }
        let learns = self.shares(call, |eras| eras.percentile) && uses_percentile(&call.settings);
        let took_its_time = attempt.is_good() || outcome == Outcome::Cancelled;
        if learns && !attempt.hedge && attempt.trial != Some(true) && took_its_time {
            self.hedges.latencies.push((now(), now() - attempt.began));
            self.hedges.latencies_unsure |= attempt.trial.is_none();
        }
    }
}
