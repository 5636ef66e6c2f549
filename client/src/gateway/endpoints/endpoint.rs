//! One endpoint of an upstream, and its load. All workers share it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{ejection::EndpointId, selection::Load};
use crate::transport::{ConnectionSettings, Place};

/// A new sample of latency counts for one in this many.
const SMOOTHING: u64 = 4;

/// Number of seconds after which an old latency counts half.
const HALF_LIFE: u64 = 10;

/// One endpoint of an upstream.
#[derive(Debug)]
pub struct Endpoint {
    id: EndpointId,
    place: Place,
    connections: Arc<ConnectionSettings>,
    in_flight: AtomicUsize,
    /// Nanoseconds. 0 if it is not known.
    latency: AtomicU64,
    /// When the latency was recorded, in seconds of the pool's time.
    recorded: AtomicU64,
    ejected: AtomicBool,
    /// Number of ejections that have ended.
    returns: AtomicU64,
}

impl Endpoint {
    pub(super) fn new(place: Place, connections: Arc<ConnectionSettings>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: EndpointId(NEXT.fetch_add(1, Relaxed)),
            place,
            connections,
            in_flight: AtomicUsize::new(0),
            latency: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            ejected: AtomicBool::new(false),
            returns: AtomicU64::new(0),
        }
    }

    /// Differs from that of every other endpoint of the process.
    pub fn id(&self) -> EndpointId {
        self.id
    }

    /// Where connections go.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How connections are made.
    pub fn connections(&self) -> &ConnectionSettings {
        &self.connections
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    // Relaxed, here and below: the numbers protect no other memory.
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    pub(super) fn is_ejected(&self) -> bool {
        self.ejected.load(Relaxed)
    }

    pub(super) fn eject(&self) {
        self.ejected.store(true, Relaxed);
    }

    /// Ends the ejection. The latency of before is forgotten, so that the endpoint is tried soon.
    pub(super) fn come_back(&self) {
        self.latency.store(0, Relaxed);
        self.returns.fetch_add(1, Relaxed);
        self.ejected.store(false, Relaxed);
    }

    /// Number of ejections that have ended: what an attempt from before the last one says of the endpoint is old.
    pub(super) fn returns(&self) -> u64 {
        self.returns.load(Relaxed)
    }

    /// The load at `second` of the pool's time. An older latency counts less, so that an endpoint that was slow is
    /// tried again.
    pub(super) fn load(&self, second: u64) -> Load {
        Load { in_flight: self.in_flight(), latency: self.latency_at(second) }
    }

    /// Adds a sample to the latency. Only that of a good answer lowers a known one. The first sample counts in any
    /// case: an endpoint that refuses quickly is chosen until it is ejected, and not avoided without a word in the log.
    pub(super) fn record(&self, sample: Duration, good: bool, second: u64) {
        let sample = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX);
        let latency = self.latency_at(second);
        let smoothed = match latency {
            0 => sample,
            // Saturates at 584 years.
            _ => (latency / SMOOTHING)
                .saturating_mul(SMOOTHING - 1)
                .saturating_add(sample / SMOOTHING),
        };
        let latency = if good { smoothed } else { smoothed.max(latency) };
        // Two workers can lose each other's sample, and no more.
        self.latency.store(latency, Relaxed);
        self.recorded.store(second, Relaxed);
    }

    fn latency_at(&self, second: u64) -> u64 {
        let age = second.saturating_sub(self.recorded.load(Relaxed));
        let halvings = u32::try_from(age / HALF_LIFE).unwrap_or(u32::MAX);
        self.latency.load(Relaxed).checked_shr(halvings).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::testing::plain;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn endpoint() -> Endpoint {
        Endpoint::new(Place::Name("a".into(), 1), plain(MILLISECOND).into())
    }

    fn millis(endpoint: &Endpoint, second: u64) -> u64 {
        endpoint.load(second).latency / 1_000_000
    }

    #[test]
    fn latency_follows_the_samples_and_is_forgotten() {
        let endpoint = endpoint();
        assert_eq!(millis(&endpoint, 7), 0);
        endpoint.record(100 * MILLISECOND, true, 7);
        assert_eq!(millis(&endpoint, 7), 100, "the first sample");
        endpoint.record(200 * MILLISECOND, true, 8);
        assert_eq!(millis(&endpoint, 8), 125);
        assert_eq!([17, 18, 28, 8_000].map(|second| millis(&endpoint, second)), [125, 62, 31, 0]);
    }

    #[test]
    fn a_quick_failure_makes_the_latency_no_better() {
        let endpoint = endpoint();
        endpoint.record(100 * MILLISECOND, true, 0);
        endpoint.record(MILLISECOND, false, 0);
        assert_eq!(millis(&endpoint, 0), 100);
        endpoint.record(500 * MILLISECOND, false, 0);
        assert_eq!(millis(&endpoint, 0), 200);
    }
}
