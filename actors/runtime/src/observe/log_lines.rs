//! Log lines: an observer.

use std::fmt::Display;

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
pub(super) const BREAKER: &str = "resilience_actors::breaker";

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

/// Logs transitions, changed settings, retries, releases and failed calls at info, panics at error, that fault injection is
/// on or off at warn, and the rest at debug.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogLines;

impl Observer for LogLines {
    fn observe(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Transition { transition, .. } => {
                log::info!(target: BREAKER, "{transition}");
            }
            Observation::Reconfigured(change) => log::info!(target: BREAKER, "{change}"),
            Observation::CallsReconfigured { upstream, changes } => {
                let changes = changes.join(", ");
                log::info!(target: TARGET, "upstream {upstream}: reconfigured ({changes})");
            }
            Observation::ProbeEnded(probe) => probe_line(probe, ""),
            Observation::QuietPeriodBegan { call, wait } => {
                let secs = wait.as_secs_f64();
                log::info!(target: TARGET, "retry: no calls for {secs:.3}s, as the upstream asked call {call}");
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
                debug(*call, || format!("call {}: attempt {attempt}: injected {fault}", call.id));
            }
            Observation::RetryScheduled(retry) => retry_line(retry),
            Observation::RetryRefused { call, attempt, max_attempts, cause } => {
                traced!(
                    Level::Info,
                    call.trace_id(),
                    "retry: call {} attempt {attempt}/{max_attempts}: {cause}; not retried, the retry budget is \
                     spent",
                    call.id
                );
            }
            Observation::Released { calls, .. } => {
                log::info!(target: TARGET, "retry: released {calls} waiting call(s), the circuit opened");
            }
            Observation::CallEnded(ended) => call_line(ended),
            Observation::CallAbandoned { call } => {
                debug(*call, || format!("call {}: its caller left, no further attempt", call.id));
            }
            Observation::AttemptRepeated { call, attempt, repeat, repeats, cause } => {
                debug(*call, || {
                    format!(
                        "call {}: attempt {attempt} did not reach the upstream ({cause}), repeated at once \
                         ({repeat}/{repeats})",
                        call.id
                    )
                });
            }
            Observation::Hedged { call, attempt } => {
                debug(*call, || format!("call {}: attempt {attempt} takes long, hedged", call.id));
            }
            Observation::AttemptEnded { call, attempt } => {
                if attempt.outcome == crate::Outcome::Panicked {
                    let number = attempt.number;
                    traced!(
                        Level::Error,
                        call.trace_id(),
                        "call {}: attempt {number} panicked",
                        call.id
                    );
                }
            }
            Observation::FellBack { call, .. } => {
                log::debug!(target: TARGET, "call {call}: answered by its fallback");
            }
            Observation::RejectionBurst { .. }
            | Observation::Admitted { .. }
            | Observation::Rejected { .. } => {}
        }
    }
}

fn debug(call: CallOf<'_>, line: impl FnOnce() -> String) {
    if log_enabled!(target: TARGET, Level::Debug) {
        traced!(Level::Debug, call.trace_id(), "{}", line());
    }
}

fn chaos_line(upstream: &str, chaos: Option<&Chaos>) {
    match chaos {
        Some(chaos) => log::warn!(target: CHAOS, "fault injection at {upstream} is on: {chaos}"),
        None => log::warn!(target: CHAOS, "fault injection at {upstream} is off"),
    }
}

/// `prefix` is in front of the line.
pub(super) fn probe_line(
    ProbeRecord { result, cause, elapsed }: &ProbeRecord,
    prefix: impl Display,
) {
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

fn retry_line(retry: &RetryScheduled) {
    let RetryScheduled { call, attempt, max_attempts, cause, wait, trace_id } = retry;
    traced!(
        Level::Info,
        trace_id,
        "retry: call {call} attempt {attempt}/{max_attempts}: {cause}; next attempt in {:.3}s",
        wait.as_secs_f64(),
    );
}

/// A line on how a call ended: at info if its last attempt was not successful, else at debug. A call that was rejected
/// before its first attempt is logged at debug: there may be thousands, and the transition's line says why.
fn call_line(ended: &CallEnded<'_>) {
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
        "retry: call {id} {end}; attempts: {tries}, {secs:.3}s{circuit}"
    );
}
