//! What happens to calls and circuits, told to observers.
//!
//! Everything that the runtime does is one [`Observation`]. Log lines ([`LogLines`]), the event log and the counts of
//! a [`Breaker`](crate::Breaker) are observers; add your own with
//! [`UpstreamBuilder::observer`](crate::UpstreamBuilder::observer).

mod log_lines;

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

pub use log_lines::LogLines;

use crate::{
    breaker::{ProbeRecord, Reconfigured, Transition},
    chaos::{Chaos, ChaosReminder, InjectedFault},
    operation::Operation,
    outcome::CallKind,
    panics::contained,
    rejection::{Rejection, RejectionKind},
    report::{AttemptRecord, CallId, CallOutcome},
    state::State,
};

/// Is told of everything that happens, in the order in which it happens.
///
/// An observer runs on the thread and in the moment of what it observes: it must not block. A panic in it is contained.
///
/// Changes of an upstream's settings ([`Observation::CallsReconfigured`], [`Observation::ChaosSet`]) are told one at a
/// time, in their order. If several threads change settings at once, or an observer changes them, a change may be told
/// on another thread than that of the change, and after [`reconfigure`](crate::Upstream::reconfigure) has returned.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, observation: &Observation<'_>);
}

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// A circuit began a new epoch.
    Transition {
        /// From what to what, and why.
        transition: &'a Transition,
        /// Number of calls that the circuit rejected in the epoch before.
        rejected: u64,
    },
    /// The settings of a running circuit were changed. Told before the transitions that follow.
    Reconfigured(&'a Reconfigured),
    /// The settings of an upstream's calls were changed.
    CallsReconfigured {
        /// The name of the upstream.
        upstream: &'a Arc<str>,
        /// Each setting that has changed: `attempt_timeout 3 -> 2`. Durations are seconds.
        changes: &'a [String],
    },
    /// A circuit's breaker rejected calls, or other gates did that its breaker counts for. One for each kind of
    /// rejection and second in which there were any.
    RejectionBurst {
        /// The kind.
        rejection: RejectionKind,
        /// How many.
        count: u64,
        /// Within what time: 1 s, less if a transition ended it.
        window: Duration,
    },
    /// The gates have admitted an attempt, which begins now.
    Admitted {
        /// The call.
        call: CallId,
        /// 1 for the first attempt.
        attempt: u32,
        /// It is a hedge: made beside another attempt of the same number.
        hedge: bool,
    },
    /// An attempt takes long, and another one is made beside it.
    Hedged {
        /// The call.
        call: CallOf<'a>,
        /// The attempt, 1 for the first.
        attempt: u32,
    },
    /// A call was rejected, before its first attempt or instead of a later one.
    Rejected {
        /// The call.
        call: CallId,
        /// By which gate, and why.
        rejection: &'a Rejection,
    },
    /// An attempt did not reach the upstream, and is repeated at once on a fresh connection.
    AttemptRepeated {
        /// The call.
        call: CallOf<'a>,
        /// The attempt, 1 for the first.
        attempt: u32,
        /// 1 for the first repeat.
        repeat: u32,
        /// The maximum number of repeats.
        repeats: u32,
        /// What went wrong.
        cause: &'a str,
    },
    /// An attempt ended, also if its caller has left. Told before the breaker learns of it. `wait` is not known yet.
    AttemptEnded {
        /// The call.
        call: CallOf<'a>,
        /// The attempt.
        attempt: &'a AttemptRecord,
    },
    /// The upstream has asked a call to wait, and all calls stay away for as long. Not told again if another answer
    /// makes the period longer.
    QuietPeriodBegan {
        /// The call.
        call: CallId,
        /// How long.
        wait: Duration,
    },
    /// Fault injection goes on, is changed or goes off. Told at the start of an upstream only if it is on.
    ChaosSet {
        /// The name of the upstream.
        upstream: &'a str,
        /// What it does from now on. `None`: it is off.
        chaos: Option<&'a Chaos>,
    },
    /// Fault injection is still on. Told with an attempt, at most once a minute.
    ChaosIsOn {
        /// The name of the upstream.
        upstream: &'a str,
        /// What it has done.
        reminder: &'a ChaosReminder,
    },
    /// A fault is injected into an attempt. Told before the attempt ends.
    Injected {
        /// The call.
        call: CallOf<'a>,
        /// The attempt, 1 for the first.
        attempt: u32,
        /// The fault.
        fault: InjectedFault,
    },
    /// A call waits for its next attempt.
    RetryScheduled(&'a RetryScheduled),
    /// The retry budget refused a retry. The call is answered by the attempt that failed.
    RetryRefused {
        /// The call.
        call: CallOf<'a>,
        /// The attempt that failed, 1 for the first.
        attempt: u32,
        /// The maximum number of attempts.
        max_attempts: u32,
        /// What went wrong.
        cause: &'a str,
    },
    /// The circuit opened, and these calls, which waited for their next attempt, are answered.
    Released {
        /// How many, at least one.
        calls: usize,
        /// Why the circuit opened.
        cause: &'a Arc<str>,
    },
    /// A probe of an open circuit ended. Told before the transition that follows from it.
    ProbeEnded(&'a ProbeRecord),
    /// A call was answered.
    CallEnded(&'a CallEnded<'a>),
    /// A fallback answered, after the end of a call without a good answer.
    FellBack {
        /// The call.
        call: CallId,
        /// What became of the call itself.
        instead_of: CallOutcome,
    },
    /// A caller left before the answer, and its call makes no further attempt.
    CallAbandoned {
        /// The call.
        call: CallOf<'a>,
    },
}

/// A call, and the trace that it belongs to.
#[derive(Clone, Copy)]
pub struct CallOf<'a> {
    /// The call.
    pub id: CallId,
    pub(crate) trace: &'a dyn Fn() -> Option<String>,
}

impl CallOf<'_> {
    /// Asks the operation for the trace. `None` if there is none.
    pub fn trace_id(&self) -> Option<String> {
        (self.trace)()
    }
}

impl fmt::Debug for CallOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallOf").field(&self.id).finish()
    }
}

/// Tells of a call of `operation`, with the way to ask for its trace.
pub(crate) fn about<O: Operation>(operation: &O, id: CallId, tell: impl FnOnce(CallOf<'_>)) {
    tell(CallOf { id, trace: &|| trace_id(operation) });
}

/// The trace of an operation. `None` if the operation panics.
pub(crate) fn trace_id<O: Operation>(operation: &O) -> Option<String> {
    contained(|| operation.trace_id().map(Cow::into_owned))?
}

/// A call waits for its next attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryScheduled {
    /// The call.
    pub call: CallId,
    /// The attempt that failed, 1 for the first.
    pub attempt: u32,
    /// The maximum number of attempts.
    pub max_attempts: u32,
    /// What went wrong.
    pub cause: String,
    /// How long the call waits.
    pub wait: Duration,
    /// The trace that the call belongs to.
    pub trace_id: Option<String>,
}

/// A call was answered.
#[derive(Debug)]
pub struct CallEnded<'a> {
    /// The call.
    pub call: CallOf<'a>,
    /// What became of it.
    pub outcome: CallOutcome,
    /// Why there is no answer, if there is none.
    pub error: Option<&'a dyn ErrorText>,
    /// Why the call was rejected, if it was.
    pub rejection: Option<&'a Rejection>,
    /// Its attempts.
    pub attempts: &'a [AttemptRecord],
    /// The state of the circuit, if there is one.
    pub state: Option<State>,
    /// Time from the start of the call to its answer.
    pub elapsed: Duration,
    /// True if the upstream has retries and the caller allowed them.
    pub retries: bool,
    /// False if the caller has left during the last attempt.
    pub answered: bool,
}

/// The text of an error of any type.
pub trait ErrorText: fmt::Display {}

impl<T: fmt::Display> ErrorText for T {}

impl fmt::Debug for dyn ErrorText + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl CallEnded<'_> {
    /// True if the last attempt was successful, by the words of [`CallKind`].
    pub fn is_successful(&self) -> bool {
        self.attempts.last().is_some_and(|last| last.outcome.kind() == CallKind::Successful)
    }
}

/// The observers of one upstream, or of one breaker.
#[derive(Clone, Default)]
pub(crate) struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn add(&mut self, observer: Arc<dyn Observer>) {
        self.0.push(observer);
    }

    pub(crate) fn tell(&self, observation: &Observation<'_>) {
        let mut observers = self.0.iter();
        // After a panic of one, the others are told.
        while !observers.as_slice().is_empty() {
            contained(|| observers.by_ref().for_each(|observer| observer.observe(observation)));
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} observers", self.0.len())
    }
}
