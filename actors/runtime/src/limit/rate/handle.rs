//! The rate limit that all threads share.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    gcra::{Gcra, Taken},
    settings::Rate,
};
use crate::{
    clock,
    rejection::{Rejection, RejectionKind},
};

/// The rate of attempts at one upstream.
#[derive(Debug)]
pub(crate) struct RateLimit {
    settings: Rate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: Gcra,
    waiting: usize,
}

/// The rate limit of an upstream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RateSnapshot {
    /// Number of attempts in a period.
    pub limit: u32,
    /// The period.
    #[serde(rename = "period_seconds", serialize_with = "crate::seconds::serialize")]
    pub period: Duration,
    /// Maximum number of attempts at once.
    pub burst: u32,
    /// Number of attempts that may be made now.
    pub available: u32,
    /// Attempts that wait for their token.
    pub waiting: usize,
}

impl RateLimit {
    pub(crate) fn new(settings: Rate) -> Self {
        let tokens = Gcra::new(clock::now(), settings.interval(), settings.max_burst());
        Self { settings, state: Mutex::new(State { tokens, waiting: 0 }) }
    }

    pub(crate) fn snapshot(&self) -> RateSnapshot {
        let (burst, state) = (self.settings.max_burst(), self.state());
        let Rate { rate_limit: limit, rate_period: period, .. } = self.settings;
        let available = state.tokens.available(clock::now());
        RateSnapshot { limit, period, burst, available, waiting: state.waiting }
    }

    /// When the wait of an attempt that arrives now is over.
    pub(crate) fn longest_wait(&self, now: Instant, deadline: Option<Instant>) -> Instant {
        let over = now + self.settings.rate_wait;
        deadline.map_or(over, |deadline| deadline.min(over))
    }

    /// Takes the next token, if it is there by `latest`.
    pub(crate) fn take(&self, now: Instant, latest: Instant) -> Result<Token<'_>, Rejection> {
        let mut state = self.state();
        let taken = state
            .tokens
            .take(now, latest)
            .map_err(|due| Rejection::new(RejectionKind::RateLimit, due - now))?;
        let waits = taken.due > now;
        state.waiting += usize::from(waits);
        Ok(Token { limit: self, taken: Some(taken), waits })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of one attempt. It goes back when this is dropped, unless it was spent.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    limit: &'a RateLimit,
    /// `None` once it is spent.
    taken: Option<Taken>,
    waits: bool,
}

impl Token<'_> {
    /// True if the token may not be used yet.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Waits until the token may be used.
    pub(crate) async fn wait(mut self) -> Result<Self, Rejection> {
        if let Some(taken) = &self.taken {
            clock::sleep_until(taken.due).await;
        }
        self.end_wait();
        Ok(self)
    }

    /// Keeps the token: the attempt is made.
    pub(crate) fn spend(mut self) {
        self.taken = None;
    }

    fn end_wait(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.limit.state().waiting -= 1;
        }
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.end_wait();
        if let Some(taken) = self.taken.take() {
            self.limit.state().tokens.give_back(clock::now(), &taken);
        }
    }
}
