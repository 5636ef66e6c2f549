//! Log lines: an observer.

use std::{fmt, sync::Arc};

use log::{Level, log_enabled};

use super::{CallEnded, CallOf, Observation, Observer, RetryScheduled};
use crate::{
    breaker::{ProbeRecord, ProbeResult},
    chaos::{Chaos, ChaosReminder},
    report::AttemptRecord,
};

/// The target of all lines about calls.
const TARGET: &str = "resilience_actors::retry";

/// The target of all lines about circuits.
const BREAKER: &str = "resilience_actors::breaker";

/// The target of all lines about fault injection.
const CHAOS: &str = "resilience_actors::chaos";

/// Writes a line with the call's trace as the key `trace_id`, if there is one.
macro_rules! traced {
    ($level:expr, $trace:expr, $($line:tt)+) => {
        match $trace.as_deref() {
            Some(trace) => log::log!(target: TARGET, $level, trace_id = trace; $($line)+),
            None => log::log!(target: TARGET, $level, $($line)+),
        }
    };
}

/// Logs transitions, changed settings, retries, releases and failed calls at info, panics at error, that fault
/// injection is on or off at warn, and the rest at debug.
#[derive(Debug, Clone, Default)]
pub struct LogLines {
    prefix: Prefix,
}

/// What each line begins with: nothing, or the name of the upstream.
#[derive(Debug, Clone, Default)]
struct Prefix(Option<Arc<str>>);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |name| write!(f, "upstream {name}: "))
    }
}

impl LogLines {
    /// Lines that begin with the upstream's name, for processes with several upstreams.
    pub fn named(upstream: impl Into<Arc<str>>) -> Self {
        Self { prefix: Prefix(Some(upstream.into())) }
    }

    /// A line of a call at debug.
    fn debug(&self, call: CallOf<'_>, line: impl FnOnce() -> String) {
        if log_enabled!(target: TARGET, Level::Debug) {
            traced!(Level::Debug, call.trace_id(), "{}{}", self.prefix, line());
        }
    }
}

impl Observer for LogLines {
    fn observe(&self, observation: &Observation<'_>) {
        let prefix = &self.prefix;
        match observation {
            Observation::Transition { transition, .. } => {
                log::info!(target: BREAKER, "{prefix}{transition}");
            }
            Observation::Reconfigured(change) => log::info!(target: BREAKER, "{prefix}{change}"),
            Observation::CallsReconfigured { upstream, changes } => {
                let changes = changes.join(", ");
                log::info!(target: TARGET, "upstream {upstream}: reconfigured ({changes})");
            }
            Observation::ProbeEnded(probe) => probe_line(probe, prefix),
            Observation::QuietPeriodBegan { call, wait } => {
                let secs = wait.as_secs_f64();
                log::info!(target: TARGET, "{prefix}retry: no calls for {secs:.3}s, as the upstream asked call {call}");
            }
            Observation::ChaosSet { upstream, chaos } => chaos_line(upstream, *chaos),
            Observation::ChaosIsOn { upstream, reminder } => {
                let ChaosReminder { chaos, faults, since } = reminder;
                let secs = since.as_secs_f64();
                log::warn!(
                    target: CHAOS,
                    "fault injection at {upstream} is still on: {faults} fault(s) in {secs:.3}s; {chaos}"
                );
            }
            Observation::Injected { call, attempt, fault } => {
                self.debug(*call, || {
                    format!("call {}: attempt {attempt}: injected {fault}", call.id)
                });
            }
            Observation::RetryScheduled(retry) => retry_line(retry, prefix),
            Observation::RetryRefused { call, attempt, max_attempts, cause } => {
                traced!(
                    Level::Info,
                    call.trace_id(),
                    "{prefix}retry: call {} attempt {attempt}/{max_attempts}: {cause}; not retried, the retry budget is \
                     spent",
                    call.id
                );
            }
            Observation::Released { calls, .. } => {
                log::info!(target: TARGET, "{prefix}retry: released {calls} waiting call(s), the circuit opened");
            }
            Observation::CallEnded(ended) => call_line(ended, prefix),
            Observation::CallAbandoned { call } => {
                self.debug(*call, || {
                    format!("call {}: its caller left, no further attempt", call.id)
                });
            }
            Observation::AttemptRepeated { call, attempt, repeat, repeats, cause } => {
                self.debug(*call, || {
                    format!(
                        "call {}: attempt {attempt} did not reach the upstream ({cause}), repeated at once \
                         ({repeat}/{repeats})",
                        call.id
                    )
                });
            }
            Observation::Hedged { call, attempt } => {
                self.debug(*call, || {
                    format!("call {}: attempt {attempt} takes long, hedged", call.id)
                });
            }
            Observation::AttemptEnded { call, attempt } => {
                if attempt.outcome == crate::Outcome::Panicked {
                    let number = attempt.number;
                    traced!(
                        Level::Error,
                        call.trace_id(),
                        "{prefix}call {}: attempt {number} panicked",
                        call.id
                    );
                }
            }
            Observation::FellBack { call, .. } => {
                log::debug!(target: TARGET, "{prefix}call {call}: answered by its fallback");
            }
            Observation::RejectionBurst { .. }
            | Observation::Admitted { .. }
            | Observation::Rejected { .. } => {}
        }
    }
}

fn chaos_line(upstream: &str, chaos: Option<&Chaos>) {
    match chaos {
        Some(chaos) => log::warn!(target: CHAOS, "fault injection at {upstream} is on: {chaos}"),
        None => log::warn!(target: CHAOS, "fault injection at {upstream} is off"),
    }
}

fn probe_line(ProbeRecord { result, cause, elapsed }: &ProbeRecord, prefix: &Prefix) {
    let secs = elapsed.as_secs_f64();
    match (result, cause) {
        (ProbeResult::Success, _) => {
            log::debug!(target: BREAKER, "{prefix}circuit_breaker: probe succeeded in {secs:.3}s");
        }
        (ProbeResult::Failure, cause) => {
            let cause = cause.as_deref().unwrap_or("an error that cannot be shown");
            log::debug!(
                target: BREAKER,
                "{prefix}circuit_breaker: probe failed after {secs:.3}s: {cause}"
            );
        }
        (ProbeResult::Timeout, _) => {
            log::debug!(target: BREAKER, "{prefix}circuit_breaker: probe timed out after {secs:.3}s");
        }
    }
}

fn retry_line(retry: &RetryScheduled, prefix: &Prefix) {
    let RetryScheduled { call, attempt, max_attempts, cause, wait, trace_id } = retry;
    traced!(
        Level::Info,
        trace_id,
        "{prefix}retry: call {call} attempt {attempt}/{max_attempts}: {cause}; next attempt in {:.3}s",
        wait.as_secs_f64(),
    );
}

/// A line on how a call ended: at info if its last attempt was not successful, else at debug. A call that was rejected
/// before its first attempt is logged at debug: there may be thousands, and the transition's line says why.
fn call_line(ended: &CallEnded<'_>, prefix: &Prefix) {
    let CallEnded { call, error, attempts, state, elapsed, .. } = ended;
    let failed = !ended.is_successful();
    let level = if failed && !attempts.is_empty() { Level::Info } else { Level::Debug };
    if !log_enabled!(target: TARGET, level) {
        return;
    }
    let end = match (error, attempts.last()) {
        (Some(rejection), _) if ended.outcome == crate::CallOutcome::Rejected => {
            format!("rejected, {rejection}")
        }
        (Some(error), _) => format!("failed, {error}"),
        (None, Some(AttemptRecord { code: Some(code), .. })) if failed => {
            format!("failed, status {code}")
        }
        (None, _) => if failed { "failed" } else { "succeeded" }.to_owned(),
    };
    let circuit = state.map_or_else(String::new, |state| format!(", circuit {state}"));
    let (id, tries, secs) = (call.id, attempts.len(), elapsed.as_secs_f64());
    traced!(
        level,
        call.trace_id(),
        "{prefix}retry: call {id} {end}; attempts: {tries}, {secs:.3}s{circuit}"
    );
}
