//! A window of samples, from which the adaptive limit learns.

use std::time::{Duration, Instant};

/// The minimum number of samples of a window.
const LEAST_SAMPLES: usize = 10;
/// Latencies that a window keeps. Further ones replace the oldest.
const KEPT: usize = 1_000;

/// What the end of an attempt says about the load of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    /// How long the upstream took. `None` if it refused at once.
    pub(super) latency: Option<Duration>,
    /// Attempts in flight, this one included.
    pub(super) in_flight: usize,
    /// The upstream refused, or did not answer in time.
    pub(super) refused: bool,
}

/// Samples since the end of the last window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When the first sample arrived.
    began: Option<Instant>,
    /// In seconds.
    latencies: Vec<f64>,
    samples: usize,
    refused: usize,
    peak: usize,
}

impl Window {
    pub(super) fn add(&mut self, measured: Measured, now: Instant) {
        let Measured { latency, in_flight, refused } = measured;
        self.began.get_or_insert(now);
        if let Some(latency) = latency {
            // A latency of zero would make a gradient of infinity.
            let latency = latency.as_secs_f64().max(1e-6);
            match self.latencies.len() < KEPT {
                true => self.latencies.push(latency),
                false => self.latencies[self.samples % KEPT] = latency,
            }
        }
        self.samples += 1;
        self.refused += usize::from(refused);
        self.peak = self.peak.max(in_flight);
    }

    pub(super) fn is_enough(&self) -> bool {
        self.samples >= LEAST_SAMPLES
    }

    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// The median latency in seconds.
    pub(super) fn median(&mut self) -> Option<f64> {
        let middle = self.latencies.len() / 2;
        (!self.latencies.is_empty())
            .then(|| *self.latencies.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    /// The share of attempts that the upstream refused or did not answer in time.
    pub(super) fn refused_share(&self) -> f64 {
        count(self.refused) / count(self.samples.max(1))
    }

    /// Maximum number of attempts in flight.
    pub(super) fn peak(&self) -> f64 {
        count(self.peak)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a setting below 2^53")]
pub(super) fn count(of: usize) -> f64 {
    of as f64
}
