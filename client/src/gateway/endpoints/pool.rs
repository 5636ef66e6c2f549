//! The endpoints of one upstream that has several: their set, their load and their health.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::{
    ejection::{Change, EjectionSettings, Ejections},
    endpoint::Endpoint,
    selection::{self, Rank},
    snapshot::EndpointSnapshot,
};
use crate::transport::{ConnectionSettings, Place};

/// No endpoint is ejected.
const NEVER: u64 = u64::MAX;

/// The endpoints of one upstream that has several.
#[derive(Debug)]
pub struct EndpointPool {
    upstream: Arc<str>,
    connections: Arc<ConnectionSettings>,
    set: ArcSwap<Vec<Arc<Endpoint>>>,
    /// Held for the time of a few comparisons. Also while `set` and the endpoints' own marks change.
    health: Mutex<Ejections>,
    /// The beginning of the pool's time.
    began: Instant,
    /// When the next ejection ends, in nanoseconds of the pool's time.
    next_return: AtomicU64,
    ejections: AtomicU64,
}

impl EndpointPool {
    /// A pool with endpoints at these places, of which there is at least one.
    pub(super) fn new(
        upstream: Arc<str>,
        places: &[Place],
        connections: Arc<ConnectionSettings>,
        settings: EjectionSettings,
    ) -> Self {
        let pool = Self {
            upstream,
            connections,
            set: ArcSwap::default(),
            health: Mutex::new(Ejections::new(settings)),
            began: Instant::now(),
            next_return: AtomicU64::new(NEVER),
            ejections: AtomicU64::new(0),
        };
        pool.replace(places);
        pool
    }

    /// The name of the upstream.
    pub(super) fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The endpoints are at these places, of which there is at least one, from now on. Those that stay keep load and
    /// health.
    pub(super) fn replace(&self, places: &[Place]) {
        let mut health = self.health();
        let old = self.set.load_full();
        if old.iter().map(|endpoint| endpoint.place()).eq(places) {
            return;
        }
        let kept: HashMap<_, _> = old.iter().map(|endpoint| (endpoint.place(), endpoint)).collect();
        let made =
            |place: &Place| Arc::new(Endpoint::new(place.clone(), Arc::clone(&self.connections)));
        let at = |place| kept.get(place).map_or_else(|| made(place), |kept| Arc::clone(kept));
        let new: Vec<_> = places.iter().map(at).collect();
        let now = Instant::now();
        let changes = health.replace(new.iter().map(|endpoint| endpoint.id()), now.into_std());
        self.set.store(Arc::new(new));
        self.put_in_force(&changes, health);
    }

    /// The endpoint for the next attempt of a call that has used these before, the latest last.
    pub(super) fn choose(&self, used: &[Arc<Endpoint>]) -> Arc<Endpoint> {
        let time = self.time();
        self.return_due(time);
        let set = self.set.load();
        let rank = |index: usize| {
            let (id, ejected) = (set[index].id(), set[index].is_ejected());
            match used.iter().rposition(|endpoint| endpoint.id() == id) {
                None if ejected => Rank::EjectedUnused,
                None => Rank::Unused,
                Some(_) if ejected => Rank::Ejected,
                Some(last) if last + 1 == used.len() => Rank::Latest,
                Some(_) => Rank::Used,
            }
        };
        let load = |index: usize| set[index].load(time.as_secs());
        Arc::clone(&set[selection::choose(set.len(), rank, load, &mut rand::rng())])
    }

    /// Adds the time of an attempt until the head of its answer, or until it was given up, to the latency of an
    /// endpoint.
    pub(super) fn record(&self, endpoint: &Endpoint, good: bool, elapsed: Duration) {
        endpoint.record(elapsed, good, self.time().as_secs());
    }

    /// Counts a success or a failure of an endpoint.
    pub(super) fn count(&self, endpoint: &Endpoint, failed: bool) {
        let mut health = self.health();
        let changes = health.report(endpoint.id(), failed, Instant::now().into_std());
        if !changes.is_empty() {
            self.put_in_force(&changes, health);
        }
    }

    /// All endpoints.
    pub fn snapshot(&self) -> Vec<EndpointSnapshot> {
        let time = self.time();
        self.return_due(time);
        let (health, set) = (self.health(), self.set.load());
        let now = Instant::now().into_std();
        let left =
            |endpoint: &Endpoint| Some(health.until(endpoint.id())?.saturating_duration_since(now));
        let second = time.as_secs();
        set.iter().map(|one| EndpointSnapshot::of(one, second, left(one))).collect()
    }

    /// Number of ejections since the start.
    pub fn ejections(&self) -> u64 {
        self.ejections.load(Relaxed)
    }

    /// Ends the ejections whose time is over.
    fn return_due(&self, time: Duration) {
        if nanos(time) >= self.next_return.load(Relaxed) {
            let mut health = self.health();
            let changes = health.tick(Instant::now().into_std());
            self.put_in_force(&changes, health);
        }
    }

    /// Puts changes in force, and writes them to the log. Not under `health`, which must not wait for the log.
    fn put_in_force(&self, changes: &[Change], health: MutexGuard<'_, Ejections>) {
        let set = self.set.load();
        let changed = changes.iter().filter_map(|change| {
            let (Change::Ejected { id, .. } | Change::Returned { id }) = change;
            Some((change, set.iter().find(|endpoint| endpoint.id() == *id)?))
        });
        for (change, endpoint) in changed.clone() {
            match change {
                Change::Ejected { .. } => {
                    endpoint.eject();
                    self.ejections.fetch_add(1, Relaxed);
                }
                Change::Returned { .. } => endpoint.come_back(),
            }
        }
        let since_began =
            |at: std::time::Instant| nanos(at.saturating_duration_since(self.began.into_std()));
        self.next_return.store(health.next_return().map_or(NEVER, since_began), Relaxed);
        drop(health);
        for (change, endpoint) in changed {
            let (upstream, place) = (&self.upstream, endpoint.place());
            match change {
                Change::Ejected { time, cause, .. } => {
                    let time = time.as_secs_f64();
                    log::warn!(
                        "upstream {upstream}: endpoint {place} ejected for {time:.3}s: {cause}"
                    );
                }
                Change::Returned { .. } => {
                    log::info!("upstream {upstream}: endpoint {place} returns");
                }
            }
        }
    }

    fn health(&self) -> MutexGuard<'_, Ejections> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time(&self) -> Duration {
        self.began.elapsed()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
