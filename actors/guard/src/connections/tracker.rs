//! Admits and counts the connections of a server.

use std::sync::Arc;

use super::{
    connection::Connection,
    counts::{Counters, Counts, Stage},
};
use crate::limits::Limits;

/// The connections of a server. Clones refer to the same connections.
#[derive(Debug, Clone)]
pub struct Connections {
    pub(super) counters: Arc<Counters>,
}

/// The decision on a new connection.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The connection is served.
    Served(Connection),
    /// [`Limits::connections`] is reached. The server reads the first bytes: a probe is served, anything else is
    /// refused.
    Screened(Connection),
    /// Too many connections are being screened. The server refuses the connection without reading it.
    Refused,
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { counters: Arc::new(Counters::new(limits)) }
    }

    /// The numbers of connections now.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// The limits of the server.
    pub fn limits(&self) -> &Limits {
        &self.counters.limits
    }

    /// Decides on a new connection.
    pub(crate) fn admit(&self) -> Admission {
        self.counters.count_accepted();
        let enter = |stage| {
            let entered = self.counters.enter(stage);
            entered.then(|| Connection::new(Arc::clone(&self.counters), stage))
        };
        if let Some(connection) = enter(Stage::Served) {
            return Admission::Served(connection);
        }
        enter(Stage::Screened).map_or(Admission::Refused, Admission::Screened)
    }

    /// Counts a refused connection. Returns true for the first of a burst.
    pub(crate) fn count_refusal(&self) -> bool {
        self.counters.count_refusal()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The connections of a server with these limits.
    pub(crate) fn connections(served: usize, screened: usize) -> Connections {
        Connections::new(Limits { connections: served, screened, ..Limits::default() })
    }

    /// Another connection, which must be served.
    pub(crate) fn open(connections: &Connections) -> Connection {
        match connections.admit() {
            Admission::Served(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn connections_past_the_limit_are_screened_and_past_the_screening_limit_refused() {
        let connections = connections(2, 3);
        let served = [open(&connections), open(&connections)];
        let screened: Vec<_> = (0..3).map(|_| connections.admit()).collect();
        assert!(screened.iter().all(|it| matches!(it, Admission::Screened(c) if !c.is_served())));
        assert!(matches!(connections.admit(), Admission::Refused));
        for admission in screened {
            let Admission::Screened(connection) = admission else { panic!("{admission:?}") };
            assert!(connection.begin_closing(), "as many may be closing");
            assert!(
                matches!(connections.admit(), Admission::Screened(_)),
                "another can be screened"
            );
        }
        drop(served);
        assert!(matches!(connections.admit(), Admission::Served(_)));
        let counts = connections.counts();
        assert_eq!((counts.served, counts.screened, counts.closing), (0, 0, 0));
    }
}
