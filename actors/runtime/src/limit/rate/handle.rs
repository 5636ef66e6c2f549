//! The rate limit that all threads share.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::Notify;

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
    /// Shared with the rate limit of other settings.
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the attempts that wait when the rate changes.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    tokens: Gcra,
    /// The tokens of attempts that wait, by ticket.
    waiting: BTreeMap<u64, Taken>,
    next_ticket: u64,
    /// The limit was switched off: attempts that ask it all the same are admitted.
    is_off: bool,
}

/// The rate limit of an upstream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RateSnapshot {
    /// Number of attempts in a period.
    pub limit: u32,
    /// The period.
    #[serde(rename = "period_seconds", serialize_with = "crate::seconds::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
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
        let state = State { tokens, waiting: BTreeMap::new(), next_ticket: 0, is_off: false };
        Self {
            settings,
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }),
        }
    }

    /// The same tokens with other settings. The rate and the burst apply to all attempts at once.
    pub(crate) fn with(&self, settings: Rate) -> Self {
        let rate = |of: &Rate| (of.interval(), of.max_burst());
        let (interval, burst) = rate(&settings);
        if (interval, burst) != rate(&self.settings) {
            let State { tokens, waiting, .. } = &mut *self.shared.state();
            tokens.change(clock::now(), interval, burst, waiting.values_mut());
            self.shared.changed.notify_waiters();
        }
        Self { settings, shared: Arc::clone(&self.shared) }
    }

    /// Admits all attempts that wait and that come.
    pub(crate) fn switch_off(&self) {
        self.shared.state().is_off = true;
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn snapshot(&self) -> RateSnapshot {
        let (burst, state) = (self.settings.max_burst(), self.shared.state());
        let Rate { rate_limit: limit, rate_period: period, .. } = self.settings;
        let available = state.tokens.available(clock::now());
        RateSnapshot { limit, period, burst, available, waiting: state.waiting.len() }
    }

    /// When the wait of an attempt that arrives now is over.
    pub(crate) fn longest_wait(&self, now: Instant, deadline: Option<Instant>) -> Instant {
        let over = now + self.settings.rate_wait;
        deadline.map_or(over, |deadline| deadline.min(over))
    }

    /// Takes the next token, if it is there by `latest`.
    pub(crate) fn take(&self, now: Instant, latest: Instant) -> Result<Token<'_>, Rejection> {
        let mut state = self.shared.state();
        if state.is_off {
            return Ok(Token { shared: &self.shared, held: Held::Nothing });
        }
        let taken = state.tokens.take(now, latest).map_err(|due| rejection(now, due))?;
        let held = if taken.due > now { state.wait(taken) } else { Held::Ready(taken) };
        Ok(Token { shared: &self.shared, held })
    }
}

fn rejection(now: Instant, due: Instant) -> Rejection {
    Rejection::new(RejectionKind::RateLimit, due - now)
}

impl State {
    fn wait(&mut self, taken: Taken) -> Held {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.insert(ticket, taken);
        Held::Waiting(ticket)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of one attempt. It goes back when this is dropped, unless it was spent.
#[derive(Debug)]
pub(crate) struct Token<'a> {
    shared: &'a Shared,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// It was spent, or the limit is off.
    Nothing,
    /// May be used.
    Ready(Taken),
    /// May not be used yet. The token with this ticket.
    Waiting(u64),
}

impl Token<'_> {
    /// True if the token may not be used yet.
    pub(crate) fn waits(&self) -> bool {
        matches!(self.held, Held::Waiting(_))
    }

    /// Waits until the token may be used. If the rate becomes so low that this is after `over`, the attempt is
    /// rejected.
    pub(crate) async fn wait(mut self, over: Instant) -> Result<Self, Rejection> {
        loop {
            // Before the time is read: a change after that ends the sleep.
            let changed = self.shared.changed.notified();
            let (now, Some(due)) = (clock::now(), self.due()) else { break };
            if due > over.max(now) {
                return Err(rejection(now, due));
            }
            tokio::select! {
                biased;
                () = clock::sleep_until(due) => break,
                () = changed => {}
            }
        }
        self.end_wait();
        Ok(self)
    }

    /// When a token that waits may be used. `None` if it may be used now.
    fn due(&self) -> Option<Instant> {
        let Held::Waiting(ticket) = self.held else { return None };
        let state = self.shared.state();
        state.waiting.get(&ticket).filter(|_| !state.is_off).map(|token| token.due)
    }

    /// Keeps the token: the attempt is made.
    pub(crate) fn spend(mut self) {
        self.held = Held::Nothing;
    }

    fn end_wait(&mut self) {
        if let Held::Waiting(ticket) = self.held {
            let token = self.shared.state().waiting.remove(&ticket);
            self.held = token.map_or(Held::Nothing, Held::Ready);
        }
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        self.end_wait();
        if let Held::Ready(taken) = &self.held {
            self.shared.state().tokens.give_back(clock::now(), taken);
        }
    }
}
