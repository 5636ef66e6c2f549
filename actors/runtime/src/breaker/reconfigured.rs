//! The change from some settings to others.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use super::config::{BreakerConfig, BreakerSettings, Window};

/// The settings of a running breaker were changed. Its `Display` is the log line.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconfigured {
    /// The settings before.
    pub before: BreakerConfig,
    /// The settings in force.
    pub after: BreakerConfig,
    /// Number of the epoch that began, if the windows of a closed circuit could not stay and begin empty.
    pub epoch: Option<u64>,
    /// Time to half-open, if it has changed: the circuit is open by its own rules.
    pub half_open_in: Option<Duration>,
}

impl Reconfigured {
    /// Each setting that has changed: `fail_max 5 -> 3`. Durations are seconds.
    pub fn changes(&self) -> Vec<String> {
        let BreakerSettings {
            fail_max,
            streak_max_age,
            failure_rate,
            failures,
            window,
            min_calls,
            slow_call,
            slow_rate,
            reset_timeout,
            reset_backoff,
            reset_max,
            half_open_max_calls,
            success_threshold,
            trial_lease,
        } = &*self.before;
        let after = &*self.after;
        let changes = [
            change("fail_max", fail_max, &after.fail_max),
            change("streak_max_age", &seconds(streak_max_age), &seconds(&after.streak_max_age)),
            change("failure_rate", &or_none(failure_rate), &or_none(&after.failure_rate)),
            change("failures", &or_none(failures), &or_none(&after.failures)),
            change("window", &length(window), &length(&after.window)),
            change("min_calls", min_calls, &after.min_calls),
            change("slow_call", &seconds(slow_call), &seconds(&after.slow_call)),
            change("slow_rate", &or_none(slow_rate), &or_none(&after.slow_rate)),
            change(
                "reset_timeout",
                &reset_timeout.as_secs_f64(),
                &after.reset_timeout.as_secs_f64(),
            ),
            change("reset_backoff", reset_backoff, &after.reset_backoff),
            change("reset_max", &reset_max.as_secs_f64(), &after.reset_max.as_secs_f64()),
            change("half_open_max_calls", half_open_max_calls, &after.half_open_max_calls),
            change("success_threshold", success_threshold, &after.success_threshold),
            change("trial_lease", &trial_lease.as_secs_f64(), &after.trial_lease.as_secs_f64()),
        ];
        changes.into_iter().flatten().collect()
    }
}

fn change<T: Display + PartialEq>(setting: &str, before: &T, after: &T) -> Option<String> {
    (before != after).then(|| format!("{setting} {before} -> {after}"))
}

fn or_none(setting: &Option<impl Display>) -> String {
    setting.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn seconds(setting: &Option<Duration>) -> String {
    or_none(&setting.map(|time| time.as_secs_f64()))
}

fn length(window: &Window) -> String {
    match window {
        Window::Calls(calls) => format!("{calls} calls"),
        Window::Time(time) => format!("{} s", time.as_secs_f64()),
    }
}

impl Display for Reconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit_breaker: reconfigured ({}", self.changes().join(", "))?;
        if self.epoch.is_some() {
            f.write_str("; windows begin empty")?;
        }
        if let Some(wait) = self.half_open_in {
            write!(f, "; half-open in {:.1}s", wait.as_secs_f64())?;
        }
        f.write_str(")")
    }
}
