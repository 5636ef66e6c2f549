//! Hedging: a further attempt beside one that takes long, for requests that may be repeated.
//!
//! The rule is that of Dean and Barroso, "The Tail at Scale" (2013): the second request is sent when the first has
//! taken longer than most do, and the first good answer is used.

mod latency;
mod settings;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use latency::Latencies;
use serde::Serialize;
pub use settings::{Hedge, HedgeDelay};

/// The hedging of one upstream, shared by all threads.
#[derive(Debug, Clone)]
pub(crate) struct Hedging {
    settings: Hedge,
    /// Of attempts that were no hedges. `None` if the delay is a fixed time.
    latencies: Option<Arc<Mutex<Latencies>>>,
    /// Shared with the hedging of other settings, as are the latencies.
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    won: AtomicU64,
}

/// The hedging of an upstream at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HedgeSnapshot {
    /// Hedges so far.
    pub made: u64,
    /// Hedges whose answer was used.
    pub won: u64,
    /// The delay before a hedge. `None` while the percentile is not known.
    #[serde(rename = "delay_seconds", serialize_with = "crate::seconds::optional::serialize")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub delay: Option<Duration>,
}

impl Hedging {
    pub(crate) fn new(settings: Hedge) -> Self {
        Self { settings, latencies: None, counts: Arc::default() }.measured()
    }

    /// The same counts with other settings, and the same latencies if both use them.
    pub(crate) fn with(&self, settings: Hedge) -> Self {
        let (latencies, counts) = (self.latencies.clone(), Arc::clone(&self.counts));
        Self { settings, latencies, counts }.measured()
    }

    /// With latencies if the settings use them, otherwise without.
    fn measured(mut self) -> Self {
        match self.settings.hedge_after {
            HedgeDelay::Percentile(_) => {
                self.latencies.get_or_insert_with(|| Arc::new(Mutex::new(Latencies::new())));
            }
            HedgeDelay::Time(_) => self.latencies = None,
        }
        self
    }

    /// The delay before a further attempt. `None` while it is not known.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match (self.settings.hedge_after, &self.latencies) {
            (HedgeDelay::Percentile(share), Some(latencies)) => {
                let latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
                latencies.percentile(share, Hedge::LEAST_SAMPLES)
            }
            (HedgeDelay::Time(time), _) => Some(time),
            (HedgeDelay::Percentile(_), None) => None,
        }
    }

    /// Maximum number of further attempts beside one.
    pub(crate) fn max(&self) -> u32 {
        self.settings.hedge_max
    }

    pub(crate) fn count_made(&self) {
        self.counts.made.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_won(&self) {
        self.counts.won.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> HedgeSnapshot {
        let Counts { made, won } = &*self.counts;
        let [made, won] = [made, won].map(|count| count.load(Ordering::Relaxed));
        HedgeSnapshot { made, won, delay: self.delay() }
    }

    /// Learns how long an attempt took, or at least took: one that lost against its hedge is among the slowest, and
    /// without it the percentile would sink with each hedge.
    pub(crate) fn record(&self, elapsed: Duration) {
        if let Some(latencies) = &self.latencies {
            latencies.lock().unwrap_or_else(PoisonError::into_inner).record(elapsed);
        }
    }
}
