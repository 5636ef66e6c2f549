//! Settings, and their changes.

use std::{rc::Rc, time::Instant};

use resilience_actors::{Chaos, HedgeDelay};

use crate::support::{Settings, now};

/// The settings that an upstream or the circuit has had, each with the instant from which on it was in force.
#[derive(Debug)]
pub(crate) struct InForce<S>(Vec<(Instant, Rc<S>)>);

impl<S> InForce<S> {
    pub(crate) fn new(first: S) -> Self {
        Self(vec![(now(), Rc::new(first))])
    }

    pub(crate) fn first(&self) -> &Rc<S> {
        &self.0[0].1
    }

    pub(crate) fn now(&self) -> &Rc<S> {
        &self.0[self.0.len() - 1].1
    }

    pub(crate) fn change(&mut self, settings: S) {
        self.0.push((now(), Rc::new(settings)));
    }

    /// Number of changes.
    pub(crate) fn changes(&self) -> usize {
        self.0.len() - 1
    }

    /// They have not changed at or after this instant.
    pub(crate) fn unchanged_since(&self, since: Instant) -> bool {
        self.changes() == 0 || self.0[self.changes()].0 < since
    }

    /// All so far.
    pub(crate) fn all(&self) -> impl Iterator<Item = &S> {
        self.0.iter().map(|(_, settings)| &**settings)
    }

    /// Those that were in force at some moment between these instants, or at one of them.
    pub(crate) fn between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &S> {
        let next = self.0.iter().skip(1).map(|(since, _)| Some(*since)).chain([None]);
        let lasted = move |(since, until): (Instant, Option<Instant>)| {
            since <= to && until.is_none_or(|until| until >= from)
        };
        let all = self.0.iter().zip(next);
        all.filter(move |((since, _), until)| lasted((*since, *until))).map(|((_, it), _)| &**it)
    }

    /// Those that have been in force at some moment since this instant.
    pub(crate) fn since(&self, from: Instant) -> impl Iterator<Item = &S> {
        self.between(from, now())
    }

    /// Those in force at some moment of this instant.
    pub(crate) fn at_this_instant(&self) -> impl Iterator<Item = &S> {
        self.since(now())
    }
}

/// How often each optional policy of an upstream was switched on or off. A call asks the policies that it began with;
/// it shares them with the calls of the same era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Eras {
    pub(crate) rate: u32,
    pub(crate) concurrency: u32,
    pub(crate) hedge: u32,
    /// A percentile is used.
    pub(crate) percentile: u32,
    pub(crate) quiet_period: u32,
    pub(crate) retry_budget: u32,
    pub(crate) chaos: u32,
}

impl Eras {
    pub(crate) fn change(&mut self, before: &Settings, after: &Settings) {
        let change = |era: &mut u32, is_on: fn(&Settings) -> bool| {
            *era += u32::from(is_on(before) != is_on(after));
        };
        change(&mut self.rate, |of| of.rate.is_some());
        change(&mut self.concurrency, |of| of.concurrency.is_some());
        change(&mut self.hedge, |of| of.hedge.is_some());
        change(&mut self.percentile, uses_percentile);
        change(&mut self.quiet_period, |of| of.quiet_period.is_some());
        change(&mut self.retry_budget, |of| of.retry_budget.is_some());
        change(&mut self.chaos, |of| of.chaos.as_ref().is_some_and(Chaos::is_on));
    }
}

pub(crate) fn uses_percentile(settings: &Settings) -> bool {
    let hedge = settings.hedge.as_ref();
    hedge.is_some_and(|hedge| matches!(hedge.hedge_after, HedgeDelay::Percentile(_)))
}
