//! Admits and counts the connections of a server.

use std::sync::Arc;

use super::{
    connection::Connection,
    counts::{Counts, Stage},
    limits::ConnectionLimits,
    refusals::Refusals,
};
use crate::telemetry::{log_targets::CONNECTIONS, metrics::families::Families};

/// Admits and counts the connections of a server. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionTracker {
    pub(super) counts: Arc<Counts>,
    refusals: Arc<Refusals>,
}

/// The decision on a new connection.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The connection is served.
    Served(Connection),
    /// `MAX_CONNECTIONS` is reached. The server reads the first bytes: a probe is served, anything else is refused.
    Screened(Connection),
    /// Too many connections are being screened. The server refuses the connection without reading it.
    Refused,
}

impl ConnectionTracker {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { counts: Arc::new(Counts::new(limits)), refusals: Arc::default() }
    }

    pub(crate) fn limits(&self) -> ConnectionLimits {
        self.counts.limits
    }

    /// Decides on a new connection.
    pub(crate) fn admit(&self) -> Admission {
        self.counts.count_accepted();
        let enter = |stage| {
            let entered = self.counts.enter(stage);
            entered.then(|| Connection::new(Arc::clone(&self.counts), stage))
        };
        if let Some(connection) = enter(Stage::Served) {
            return Admission::Served(connection);
        }
        enter(Stage::Screened).map_or(Admission::Refused, Admission::Screened)
    }

    /// Counts a refused connection, and logs the first of a burst.
    pub(crate) fn count_refusal(&self) {
        if self.refusals.count_one() {
            let max = self.limits().served;
            log::warn!(
                target: CONNECTIONS,
                "all {max} connections are in use: refusing further ones (MAX_CONNECTIONS)"
            );
        }
    }

    /// A source for [`Metrics`](crate::Metrics).
    pub(crate) fn add_metrics(&self, families: &mut Families) {
        families.gauge(
            "http_connections",
            "Open connections that have a place.",
            to_f64(self.counts.count(Stage::Served)),
        );
        families.gauge(
            "http_connections_max",
            "Places for connections.",
            to_f64(self.limits().served),
        );
        families.counter(
            "http_connections_refused_total",
            "Connections that were refused because all places were taken.",
            to_f64(self.refusals.count()),
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact to 2^53")]
fn to_f64(count: impl TryInto<u64>) -> f64 {
    count.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(tracker: &ConnectionTracker) -> Connection {
        match tracker.admit() {
            Admission::Served(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn past_the_limit_connections_are_screened_and_past_that_refused() {
        let tracker = ConnectionTracker::new(ConnectionLimits { served: 2, screened: 3 });
        let served = [served(&tracker), served(&tracker)];
        let screened: Vec<_> = (0..3).map(|_| tracker.admit()).collect();
        assert!(screened.iter().all(|it| matches!(it, Admission::Screened(c) if !c.is_served())));
        assert!(matches!(tracker.admit(), Admission::Refused));
        for admission in screened {
            let Admission::Screened(connection) = admission else { panic!("{admission:?}") };
            assert!(connection.begin_closing(), "as many may be closing");
            assert!(matches!(tracker.admit(), Admission::Screened(_)), "another can be screened");
        }
        drop(served);
        assert!(matches!(tracker.admit(), Admission::Served(_)));
        assert_eq!(tracker.counts.count_all(), 0);
    }
}
