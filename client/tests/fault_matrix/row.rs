//! One row of the matrix: what a server does, and the expected result.
//!
//! A row names the expected outcome. The outcome determines the status, the effect on the breaker and the number of
//! attempts.

use super::{
    act::{Act, good, say},
    server::{Door, Play},
};

/// The expected result of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// The outcomes of the attempts. Equal outcomes in sequence are named once.
    pub(crate) outcome: String,
    pub(crate) breaker: Effect,
    pub(crate) attempts: usize,
    /// Numbers of new connections and of requests that the server sees.
    pub(crate) seen: (usize, usize),
    /// The status of the same call without resilience.
    pub(crate) unprotected: u16,
}

/// The effect of a call on the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Success,
    Neutral,
    Failures(u64),
}

/// One fault of the backend.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) door: Door,
    pub(crate) play: Play,
    /// Acts on an idle connection before the call. If there are any, or if the play is only for kept connections, the
    /// pool holds a connection that has served another call.
    pub(crate) idle: Vec<Act>,
    /// True for a short attempt timeout.
    pub(crate) impatient: bool,
    /// True if no other calls may run at the same time: the row loads the machine, or its late bytes may arrive after
    /// the next request, and HTTP/1.1 cannot tell them from that request's answer.
    pub(crate) alone: bool,
    pub(crate) expected: Expected,
    /// Text that the message of the answer must contain.
    pub(crate) says: &'static str,
}

pub(super) fn row(name: &'static str, play: Play) -> Row {
    let expected = Expected {
        status: 502,
        outcome: "unusable".into(),
        breaker: Effect::Failures(1),
        attempts: 2,
        seen: (2, 2),
        unprotected: 502,
    };
    let (door, idle) = (Door::Open, Vec::new());
    Row { name, door, play, idle, impatient: false, alone: false, expected, says: "" }
}

/// Performs the acts at each request.
pub(super) fn at_request(name: &'static str, acts: impl Into<Vec<Act>>) -> Row {
    row(name, Play { at_request: acts.into(), ..Play::default() })
}

/// Performs the acts at each new connection.
pub(super) fn at_connect(name: &'static str, acts: impl Into<Vec<Act>>) -> Row {
    row(name, Play { at_connect: acts.into(), ..Play::default() }).alone()
}

/// Performs the acts at each request on a connection that has served another request.
pub(super) fn at_reuse(name: &'static str, acts: impl Into<Vec<Act>>) -> Row {
    row(name, Play { at_request: acts.into(), only_kept: true, ..Play::default() }).alone()
}

/// Performs the acts on an idle connection that has served a request, and answers the next request.
pub(super) fn when_idle(name: &'static str, acts: impl Into<Vec<Act>>) -> Row {
    let play = Play { at_request: vec![say(good())], ..Play::default() };
    Row { idle: acts.into(), ..row(name, play).alone() }
}

impl Row {
    fn expect(mut self, change: impl FnOnce(&mut Expected)) -> Self {
        change(&mut self.expected);
        self
    }

    pub(super) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub(super) fn seen(self, connections: usize, requests: usize) -> Self {
        self.expect(|expected| expected.seen = (connections, requests))
    }

    pub(super) fn without_resilience(self, status: u16) -> Self {
        self.expect(|expected| expected.unprotected = status)
    }

    /// A failure, once per call; retried on another connection.
    pub(super) fn unusable(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    /// The same, at the attempt's timeout.
    pub(super) fn timed_out(self) -> Self {
        let row = self.expect(|expected| {
            expected.outcome = "timed_out".into();
            (expected.status, expected.unprotected) = (504, 504);
        });
        Self { says: "no answer within", ..row }.impatient()
    }

    /// Uses an attempt timeout of half a second.
    pub(super) fn impatient(self) -> Self {
        Self { impatient: true, ..self }
    }

    /// A failure at each attempt, each with two repeats at once.
    pub(super) fn unreachable(self, says: &'static str) -> Self {
        let row = self.expect(|expected| {
            expected.outcome = "unreachable".into();
            expected.breaker = Effect::Failures(2);
            expected.seen = (6, 6);
        });
        Self { says, ..row }
    }

    pub(super) fn success(self) -> Self {
        self.ends(200, "success", Effect::Success, 1).seen(1, 1)
    }

    /// The status of the backend, on one connection that is kept.
    pub(super) fn ends(
        self,
        status: u16,
        outcome: &'static str,
        breaker: Effect,
        attempts: usize,
    ) -> Self {
        self.expect(|expected| {
            let (outcome, seen) = (outcome.into(), (1, attempts));
            *expected = Expected { status, outcome, breaker, attempts, seen, unprotected: status };
        })
    }

    pub(super) fn server_error(self, status: u16) -> Self {
        self.ends(status, "server_error", Effect::Failures(1), 2)
    }

    pub(super) fn redirect(self) -> Self {
        self.ends(502, "redirect", Effect::Failures(1), 1)
    }
}
