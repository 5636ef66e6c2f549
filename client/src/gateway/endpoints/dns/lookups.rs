//! Looks names up: at most a few at a time in the whole process, because each look-up occupies a thread until it ends.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::{net::lookup_host, sync::Semaphore, time::timeout};

/// Maximum number of look-ups at a time.
const AT_ONCE: usize = 8;

/// Maximum time of a look-up, so that names without an answer do not keep others waiting. Its thread can go on for
/// longer.
const PATIENCE: Duration = Duration::from_secs(10);

type Resolve = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// How names are looked up, and how often. Clones share the limit.
#[derive(Clone)]
pub struct Lookups {
    interval: Duration,
    places: Arc<Semaphore>,
    resolve: Arc<Resolve>,
}

impl Lookups {
    /// With the system's resolver. Names are looked up again after `interval`, on average.
    pub fn new(interval: Duration) -> Self {
        Self::with(interval, |host, port| {
            Box::pin(async move { Ok(lookup_host((host, port)).await?.collect()) })
        })
    }

    /// With this resolver of a host and a port.
    pub(super) fn with(
        interval: Duration,
        resolve: impl Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { interval, places: Arc::new(Semaphore::new(AT_ONCE)), resolve: Arc::new(resolve) }
    }

    /// Time until the next look-up: the interval, 20 % less or more, so that look-ups that began together spread out.
    pub(super) fn pause(&self) -> Duration {
        self.interval.mul_f64(rand::random_range(0.8..=1.2))
    }

    /// Looks a host up, once a place is free. Returns its addresses in order, each once, and at least one.
    ///
    /// # Errors
    /// The look-up failed or took more than 10 s, or the host has no address.
    pub(super) async fn look_up(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let answer = timeout(PATIENCE, (self.resolve)(host, port)).await;
        let mut addresses = answer.map_err(|_| io::Error::other("no answer within 10 s"))??;
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
        }
        Ok(addresses)
    }
}

impl std::fmt::Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups").field("interval", &self.interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join_all, pending};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn names_without_an_answer_free_their_places_for_others() {
        let lookups = Lookups::with(Duration::from_secs(5), |host, _| match host.as_str() {
            "dead" => Box::pin(pending()),
            _ => Box::pin(async { Ok(vec![([10, 0, 0, 1], 80).into()]) }),
        });
        let began = Instant::now();
        let dead = join_all((0..AT_ONCE).map(|_| lookups.look_up("dead".to_owned(), 80)));
        let (dead, good) = tokio::join!(dead, lookups.look_up("good".to_owned(), 80));
        assert_eq!(good.unwrap().len(), 1);
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
        for answer in dead {
            assert_eq!(answer.unwrap_err().to_string(), "no answer within 10 s");
        }
    }
}
