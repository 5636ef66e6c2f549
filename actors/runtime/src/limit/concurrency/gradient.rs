//! The rule of the adaptive limit: the limit follows latency.
//!
//! It is the gradient controller of [Envoy's adaptive concurrency filter][envoy]. After each window of samples the
//! limit becomes `gradient * limit + sqrt(limit)`. The gradient is the latency without load (the baseline), plus a
//! tolerance, over the median latency of the window. If a queue grows in the upstream, latency grows with it, and the
//! limit falls until the queue is short. From Netflix's Gradient2 come the range of the gradient (0.5 to 1), the
//! smoothing, and that a limit that is not used does not grow.
//!
//! Envoy measures the baseline at its lowest limit once a minute. This rule measures it as [BBR's ProbeRTT][bbr] does:
//! only if no window without load has confirmed it for 10 s, and at half of the limit. If the new baseline differs from
//! the old one, it is measured again after 1 s, because half of a limit that is far too high still makes a queue.
//!
//! [envoy]: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter
//! [bbr]: https://datatracker.ietf.org/doc/html/draft-cardwell-iccrg-bbr-congestion-control-02

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::{
    snapshot::AdaptiveSnapshot,
    window::{Measured, Window, count},
};

/// The limit at first, if it is within its range. That of Netflix's limiters.
const INITIAL: f64 = 20.0;
/// Latency above the baseline that does not lower the limit, as a share of the baseline.
const TOLERANCE: f64 = 0.1;
/// Share of the way to the new limit that one window goes.
const SMOOTHING: f64 = 0.3;
/// The gradient must be below this to lower a limit that is not used: the latency of few attempts varies.
const CLEARLY_SLOW: f64 = 0.8;
/// The minimum length of a window, if the baseline is shorter.
const LEAST_WINDOW: Duration = Duration::from_millis(100);
/// After this time without a window that confirms it, the baseline is measured.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// The same for a baseline that has changed at its last measurement.
const SHORT_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// A measurement of the baseline ends after this many samples, or after [`LONGEST_PROBE`].
const PROBE_SAMPLES: usize = 50;
const LONGEST_PROBE: Duration = Duration::from_secs(1);

/// A limit between a floor and a ceiling that follows the latency of the upstream.
#[derive(Debug)]
pub(super) struct Gradient {
    floor: f64,
    ceiling: f64,
    limit: f64,
    /// Latency without load in seconds. `None` before the first window.
    baseline: Option<f64>,
    window: Window,
    /// Since when the baseline is measured, and at which limit.
    probe: Option<(Instant, f64)>,
    /// When the baseline is to be measured, unless a window confirms it before.
    probe_due: Option<Instant>,
}

impl Gradient {
    /// A limit within `range`.
    pub(super) fn new(range: RangeInclusive<usize>) -> Self {
        Self::from_limit(range, INITIAL)
    }

    /// A limit within `range` that was `limit` until now.
    pub(super) fn after(range: RangeInclusive<usize>, limit: usize) -> Self {
        Self::from_limit(range, count(limit))
    }

    fn from_limit(range: RangeInclusive<usize>, limit: f64) -> Self {
        let (floor, ceiling) = (count(*range.start()), count(*range.end()));
        Self {
            floor,
            ceiling,
            limit: limit.clamp(floor, ceiling),
            baseline: None,
            window: Window::default(),
            probe: None,
            probe_due: None,
        }
    }

    /// Changes the range. What was learned stays.
    pub(super) fn set_range(&mut self, range: RangeInclusive<usize>) {
        (self.floor, self.ceiling) = (count(*range.start()), count(*range.end()));
        self.limit = self.limit.clamp(self.floor, self.ceiling);
        if let Some((_, limit)) = &mut self.probe {
            *limit = limit.clamp(self.floor, self.ceiling);
        }
    }

    /// The limit now.
    pub(super) fn limit(&self) -> usize {
        whole(self.probe.map_or(self.limit, |(_, limit)| limit))
    }

    pub(super) fn snapshot(&self) -> AdaptiveSnapshot {
        let Self { floor, ceiling, .. } = *self;
        AdaptiveSnapshot { floor: whole(floor), ceiling: whole(ceiling), baseline: self.baseline() }
    }

    /// Latency without load, once it is known.
    fn baseline(&self) -> Option<Duration> {
        self.baseline.map(Duration::from_secs_f64)
    }

    /// Takes in the end of an attempt. Returns the limit from now on.
    pub(super) fn record(&mut self, measured: Measured, now: Instant) -> usize {
        let is_older = |(began, _)| measured.latency.is_some_and(|time| now < began + time);
        // An attempt from before the probe has waited in the longer queue.
        if !self.probe.is_some_and(is_older) {
            self.window.add(measured, now);
            if self.window_is_over(now) {
                let window = std::mem::take(&mut self.window);
                match self.probe.take() {
                    Some(_) => self.measured(window, now),
                    None => self.adjust(window, now),
                }
            }
        }
        self.limit()
    }

    fn window_is_over(&self, now: Instant) -> bool {
        let age = self.window.age(now);
        self.window.is_enough()
            && match self.probe {
                Some(_) => age >= LONGEST_PROBE || self.window.samples() >= PROBE_SAMPLES,
                None => age >= LEAST_WINDOW.max(self.baseline().unwrap_or_default()),
            }
    }

    /// Ends a measurement of the baseline. The limit is again what it was before.
    fn measured(&mut self, mut window: Window, now: Instant) {
        let old = self.baseline;
        self.baseline = window.median().or(old);
        let changed = match (old, self.baseline) {
            (Some(old), Some(new)) => (new - old).abs() > TOLERANCE * old,
            _ => true,
        };
        let interval = if changed { SHORT_PROBE_INTERVAL } else { PROBE_INTERVAL };
        self.probe_due = Some(now + interval);
    }

    fn adjust(&mut self, mut window: Window, now: Instant) {
        let unused = window.peak() * 2.0 < self.limit;
        let refused = window.refused_share();
        let gradient = match window.median() {
            Some(latency) => {
                let baseline = self.learn(latency, unused, now);
                ((1.0 + TOLERANCE) * baseline / latency).clamp(0.5, 1.0)
            }
            // All attempts were refused.
            None => 0.0,
        };
        let accepted = 1.0 - refused;
        let target = accepted * gradient.mul_add(self.limit, self.limit.sqrt());
        let keeps = unused && (target > self.limit || gradient * accepted > CLEARLY_SLOW);
        if !keeps {
            let next = SMOOTHING.mul_add(target - self.limit, self.limit);
            self.limit = next.clamp(self.floor, self.ceiling);
        }
        if self.probe_due.is_some_and(|due| now >= due) {
            let used = self.limit.min(window.peak());
            self.probe = Some((now, (used / 2.0).clamp(self.floor, self.ceiling)));
        }
    }

    /// Learns from the latency of a window. Returns the baseline.
    fn learn(&mut self, latency: f64, unused: bool, now: Instant) -> f64 {
        let Some(baseline) = self.baseline else {
            let interval = if unused { PROBE_INTERVAL } else { SHORT_PROBE_INTERVAL };
            self.probe_due = Some(now + interval);
            return *self.baseline.insert(latency);
        };
        let without_load = unused && latency < 2.0 * baseline;
        if without_load {
            self.probe_due = Some(now + PROBE_INTERVAL);
        }
        let weight: f64 = match latency < baseline {
            true => 0.2,
            false if without_load => 0.05,
            false => 0.0,
        };
        *self.baseline.insert(weight.mul_add(latency - baseline, baseline))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within its range")]
fn whole(limit: f64) -> usize {
    limit as usize
}

#[cfg(test)]
#[path = "gradient_tests.rs"]
mod tests;
