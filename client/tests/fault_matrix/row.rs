//! One row of the matrix: what a server does, and the expected result.
//!
//! A row names the expected outcome. The outcome determines the status, the effect on the breaker and the number of
//! attempts.

use super::{
    act::{Act, good, say},
    endpoint::Endpoint,
    received::End,
    server::{Door, Play},
};

/// The results of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Results {
    /// Of `/api/call-backend`.
    pub(crate) lab: CallResult,
    /// The status of the same call without resilience.
    pub(crate) unprotected: u16,
    /// Of the same call through the gateway.
    pub(crate) gateway: CallResult,
}

impl Results {
    pub(crate) fn of(&self, endpoint: Endpoint) -> &CallResult {
        match endpoint {
            Endpoint::Protected | Endpoint::Unprotected => &self.lab,
            Endpoint::Gateway => &self.gateway,
        }
    }
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallResult {
    pub(crate) status: u16,
    /// How the body ends.
    pub(crate) end: End,
    /// The outcomes of the attempts. Equal outcomes in sequence are named once.
    pub(crate) outcome: String,
    pub(crate) breaker: Effect,
    pub(crate) attempts: usize,
    /// Numbers of new connections and of requests that the server sees.
    pub(crate) seen: (usize, usize),
}

/// The effect of a call on the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Success,
    Neutral,
    Failures(u64),
    /// A success, and a failure when the body is cut off.
    LateFailure,
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
    pub(crate) expected: Results,
    /// Texts that the message of the answer must contain: that of the lab's endpoint, and that of the gateway.
    pub(crate) says: [&'static str; 2],
}

pub(super) fn row(name: &'static str, play: Play) -> Row {
    let result = CallResult {
        status: 502,
        end: End::Whole,
        outcome: "unusable".into(),
        breaker: Effect::Failures(1),
        attempts: 2,
        seen: (2, 2),
    };
    let expected = Results { lab: result.clone(), unprotected: 502, gateway: result };
    let (door, idle) = (Door::Open, Vec::new());
    Row { name, door, play, idle, impatient: false, alone: false, expected, says: [""; 2] }
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
    fn expect(mut self, change: impl Fn(&mut CallResult)) -> Self {
        change(&mut self.expected.lab);
        change(&mut self.expected.gateway);
        self
    }

    pub(super) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub(super) fn seen(self, connections: usize, requests: usize) -> Self {
        self.expect(|expected| expected.seen = (connections, requests))
    }

    pub(super) fn without_resilience(mut self, status: u16) -> Self {
        self.expected.unprotected = status;
        self
    }

    /// The gateway passes the answer on, although the lab's endpoint cannot use it.
    pub(super) fn passed_on(mut self, status: u16) -> Self {
        let (end, outcome, breaker) = (End::Whole, "success".into(), Effect::Success);
        self.expected.gateway =
            CallResult { status, end, outcome, breaker, attempts: 1, seen: (1, 1) };
        self.gateway_says("")
    }

    /// The gateway cuts off what it passes on, which counts as one more failure.
    pub(super) fn cut_off(mut self) -> Self {
        let gateway = &mut self.expected.gateway;
        gateway.end = End::CutOff;
        gateway.breaker = match gateway.breaker {
            Effect::Success => Effect::LateFailure,
            Effect::Neutral => Effect::Failures(1),
            Effect::Failures(number) => Effect::Failures(number + 1),
            Effect::LateFailure => panic!("it is cut off already"),
        };
        self
    }

    /// The gateway passes the answer on until the caller leaves.
    pub(super) fn endless(mut self) -> Self {
        self.expected.gateway.end = End::Never;
        self
    }

    /// A failure, once per call; retried on another connection.
    pub(super) fn unusable(self, says: &'static str) -> Self {
        Self { says: [says; 2], ..self }
    }

    pub(super) fn gateway_says(mut self, says: &'static str) -> Self {
        self.says[1] = says;
        self
    }

    /// A failure of the gateway's upstream, whatever the lab's endpoint makes of it.
    pub(super) fn unusable_in_gateway(mut self, says: &'static str) -> Self {
        self.expected.gateway = row("", Play::default()).expected.gateway;
        self.gateway_says(says)
    }

    /// A failure at the attempt's timeout.
    pub(super) fn timed_out(self) -> Self {
        let row = self.expect(|expected| {
            expected.outcome = "timed_out".into();
            expected.status = 504;
        });
        Self { says: ["no answer within"; 2], ..row }.without_resilience(504).impatient()
    }

    /// Uses an attempt timeout of a second.
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
        Self { says: [says; 2], ..row }
    }

    pub(super) fn success(self) -> Self {
        self.ends(200, "success", Effect::Success, 1).seen(1, 1)
    }

    /// The status of the backend. The lab's endpoint reads each body, so its connection is kept.
    pub(super) fn ends(
        mut self,
        status: u16,
        outcome: &'static str,
        breaker: Effect,
        attempts: usize,
    ) -> Self {
        let (end, outcome) = (End::Whole, outcome.into());
        let lab = CallResult { status, end, outcome, breaker, attempts, seen: (1, attempts) };
        let gateway = CallResult { seen: (attempts, attempts), ..lab.clone() };
        self.expected = Results { lab, unprotected: status, gateway };
        self
    }

    pub(super) fn server_error(self, status: u16) -> Self {
        self.ends(status, "server_error", Effect::Failures(1), 2)
    }

    pub(super) fn redirect(self, status: u16) -> Self {
        self.ends(502, "redirect", Effect::Failures(1), 1).passed_on(status)
    }

    /// A method that the backend does not have: a failure of the lab's backend. Callers of the gateway choose it.
    pub(super) fn unsupported(self) -> Self {
        let mut row = self.ends(501, "unsupported", Effect::Failures(1), 1);
        row.expected.gateway.outcome = "client_error".into();
        row.expected.gateway.breaker = Effect::Success;
        row
    }
}
