//! Outlier ejection: decides which endpoints of an upstream get no calls for a while.
//!
//! Rules and words are those of Envoy's [outlier detection][envoy]: failures in a row or a share of failures eject an
//! endpoint, for a base time multiplied by the number of its ejections, and never more than a share of the endpoints is
//! ejected. Where this differs:
//!
//! - Envoy compares the success rate with the mean of at least five hosts, in standard deviations. With three endpoints
//!   a deviation says nothing, so a share of failures is compared with that of the other endpoints together.
//! - An endpoint that returns is ejected again at its first failure, as a half-open circuit is opened again.
//! - Envoy ejects one host whatever the share. Here the share is a maximum.
//!
//! [envoy]: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use super::{failure_window::Tried, health::Health, settings::EjectionSettings};

/// An endpoint of the process. No two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointId(pub(in crate::gateway::endpoints) u64);

/// Why an endpoint is ejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gateway::endpoints) enum Cause {
    /// That many failures in a row.
    Consecutive(u32),
    /// Its share of failures, and that of the others.
    FailureRate(f64, f64),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consecutive(1) => f.write_str("1 failure in a row"),
            Self::Consecutive(streak) => write!(f, "{streak} failures in a row"),
            Self::FailureRate(own, others) => {
                write!(f, "failure rate {own:.2}, that of the others {others:.2}")
            }
        }
    }
}

/// What changes for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::gateway::endpoints) enum Change {
    Ejected { id: EndpointId, time: Duration, cause: Cause },
    Returned { id: EndpointId },
}

/// The health of all endpoints of an upstream.
#[derive(Debug)]
pub(in crate::gateway::endpoints) struct Ejections {
    settings: EjectionSettings,
    all: BTreeMap<EndpointId, Health>,
    /// Number of those that are ejected.
    ejected: usize,
}

impl Ejections {
    pub(in crate::gateway::endpoints) fn new(settings: EjectionSettings) -> Self {
        Self { settings, all: BTreeMap::new(), ejected: 0 }
    }

    /// The endpoints are these from now on. What is known of those that stay is kept. If fewer may be ejected than
    /// before, those return first whose time ends first.
    pub(in crate::gateway::endpoints) fn replace(
        &mut self,
        ids: impl IntoIterator<Item = EndpointId>,
        now: Instant,
    ) -> Vec<Change> {
        let mut old = std::mem::take(&mut self.all);
        self.all = ids.into_iter().map(|id| (id, old.remove(&id).unwrap_or_default())).collect();
        self.ejected = self.all.values().filter(|health| health.is_ejected()).count();
        let mut changes = self.tick(now);
        while self.ejected > self.most() {
            let first = self.all.iter_mut().filter(|(_, health)| health.is_ejected());
            let Some((id, health)) = first.min_by_key(|(_, health)| health.until()) else { break };
            health.come_back(&self.settings, now);
            changes.push(Change::Returned { id: *id });
            self.ejected -= 1;
        }
        changes
    }

    /// Ends the ejections whose time is over.
    pub(in crate::gateway::endpoints) fn tick(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.ejected == 0 {
            return changes;
        }
        for (id, health) in &mut self.all {
            if health.until().is_some_and(|until| until <= now) {
                health.come_back(&self.settings, now);
                changes.push(Change::Returned { id: *id });
            }
        }
        self.ejected -= changes.len();
        changes
    }

    /// Counts an attempt at an endpoint, and ejects the endpoint if a rule says so. An attempt at one that is ejected
    /// says nothing new.
    pub(in crate::gateway::endpoints) fn report(
        &mut self,
        id: EndpointId,
        failed: bool,
        now: Instant,
    ) -> Vec<Change> {
        let mut changes = self.tick(now);
        let Some(health) = self.all.get_mut(&id).filter(|health| !health.is_ejected()) else {
            return changes;
        };
        let streak = health.count(failed, now);
        if failed
            && self.ejected < self.most()
            && let Some(cause) = self.cause(id, streak, now)
            && let Some(health) = self.all.get_mut(&id)
        {
            let time = health.eject(&self.settings, now);
            changes.push(Change::Ejected { id, time, cause });
            self.ejected += 1;
        }
        changes
    }

    /// When the next ejection ends.
    pub(in crate::gateway::endpoints) fn next_return(&self) -> Option<Instant> {
        self.all.values().filter_map(Health::until).min()
    }

    /// When the ejection of an endpoint ends. `None` if it is in.
    pub(in crate::gateway::endpoints) fn until(&self, id: EndpointId) -> Option<Instant> {
        self.all.get(&id)?.until()
    }

    /// Maximum number of ejected endpoints.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share from 0 to 1 of a small number"
    )]
    fn most(&self) -> usize {
        // A product such as 0.29 * 100 is a little less than the whole number that it means.
        (self.settings.max_share * self.all.len() as f64 + 1e-9) as usize
    }

    /// Why an endpoint is to be ejected, if it is.
    fn cause(&mut self, id: EndpointId, streak: u32, now: Instant) -> Option<Cause> {
        let EjectionSettings { consecutive_failures, failure_rate_gap, min_calls, .. } =
            self.settings;
        if consecutive_failures > 0 && streak >= consecutive_failures {
            return Some(Cause::Consecutive(streak));
        }
        let own = self.all.get_mut(&id)?.window.sum(now);
        if own.attempts < min_calls {
            return None;
        }
        let mut others = Tried::default();
        for (other, health) in &mut self.all {
            if *other != id && !health.is_ejected() {
                others.add(health.window.sum(now));
            }
        }
        let (share, of_others) = (own.failure_rate(), others.failure_rate());
        let is_far = others.attempts >= min_calls && share - of_others > failure_rate_gap;
        is_far.then_some(Cause::FailureRate(share, of_others))
    }
}

#[cfg(test)]
#[path = "ejections_tests.rs"]
mod tests;
