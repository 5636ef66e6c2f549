//! How long the shutdown waits for connections.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{counts::Counts, tracker::Connections};

/// Time that an idle connection stays open for one more request. A client that uses its connection sends the next
/// request within this time.
const IDLE_GRACE: Duration = Duration::from_millis(500);

/// If no connection was accepted for this long while new ones are refused, the accept queue is empty.
const QUEUE_IS_EMPTY: Duration = Duration::from_millis(100);

/// Maximum wait for an empty accept queue. If the kernel cannot refuse new connections, it may never be empty.
const QUEUE_LIMIT: Duration = Duration::from_secs(1);

/// Time for a client that reads its event stream to receive the end.
const STREAM_GRACE: Duration = Duration::from_secs(2);

/// Interval at which the remaining connections are counted.
const COUNT_INTERVAL: Duration = Duration::from_millis(50);

impl Connections {
    /// Resolves when no connection has been accepted for `time`.
    pub async fn no_new_connection_for(&self, time: Duration) {
        let mut before = self.counters.accepted();
        let mut since = Instant::now();
        while since.elapsed() < time {
            sleep(time / 10).await;
            let accepted = self.counters.accepted();
            if accepted != before {
                (before, since) = (accepted, Instant::now());
            }
        }
    }

    /// Call it when new connections [are refused](crate::Running::refuse_new_connections). Resolves when the accept
    /// queue is empty, and either only [expendable](crate::mark_expendable) connections are left, or the others had
    /// half a second for one more request; after `limit` at the latest.
    pub async fn last_requests(&self, limit: Duration) {
        let only_expendable = async {
            loop {
                let Counts { served, screened, closing, expendable, .. } = self.counts();
                if served + screened + closing <= expendable {
                    break;
                }
                sleep(QUEUE_IS_EMPTY / 10).await;
            }
        };
        let queue_is_empty =
            timeout(QUEUE_LIMIT.min(limit), self.no_new_connection_for(QUEUE_IS_EMPTY));
        let only_expendable = timeout(IDLE_GRACE.min(limit), only_expendable);
        let _ = futures::join!(queue_is_empty, only_expendable);
    }

    /// Resolves when connections are left and all of them are expendable, with their number; after [`STREAM_GRACE`]
    /// at the earliest.
    pub(crate) async fn only_expendable_left(&self) -> usize {
        sleep(STREAM_GRACE).await;
        loop {
            let Counts { served, expendable, .. } = self.counts();
            if expendable > 0 && served <= expendable {
                return expendable;
            }
            sleep(COUNT_INTERVAL).await;
        }
    }
}

#[cfg(test)]
#[path = "last_requests_tests.rs"]
mod tests;
