//! Connections that the end of the process does not wait for.
//!
//! A stream of events ends itself at [`Drain::started`](crate::Drain::started). But one whose reader
//! reads nothing is not polled, and what it has sent stays unsent: its connection would hold up the end
//! until the kernel gives up, or `SHUTDOWN_TIMEOUT` is over. So the handler of such a stream says that
//! its connection is not worth that ([`expendable`]).

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{HttpRequest, dev::Extensions};
use tokio::time::sleep;

/// The time for a reader who does read to get the end of its stream.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked who is left.
const INTERVAL: Duration = Duration::from_millis(50);

/// Says that the end of the process need not wait for `request`'s connection longer than a moment.
/// Changes nothing where there is no [`Server`](crate::Server) around it, as in tests.
pub fn expendable(request: &HttpRequest) {
    if let Some(connection) = request.conn_data::<Connection>()
        && !connection.expendable.replace(true)
    {
        connection.counts.expendable.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a server's connections. Clones count the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    expendable: AtomicUsize,
}

impl Connections {
    /// Counts a connection for as long as its extensions live.
    pub(crate) fn opened(&self, extensions: &mut Extensions) {
        self.0.all.fetch_add(1, Ordering::Relaxed);
        extensions.insert(Connection { counts: Arc::clone(&self.0), expendable: Cell::new(false) });
    }

    /// Resolves, a moment from now at the earliest, when some are left and all of them are expendable,
    /// with their number.
    pub(crate) async fn only_expendable(&self) -> usize {
        sleep(GRACE).await;
        loop {
            // In this order: one that closes in between is still among all.
            let expendable = self.0.expendable.load(Ordering::Relaxed);
            if expendable > 0 && self.0.all.load(Ordering::Relaxed) <= expendable {
                return expendable;
            }
            sleep(INTERVAL).await;
        }
    }
}

struct Connection {
    counts: Arc<Counts>,
    expendable: Cell<bool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.counts.all.fetch_sub(1, Ordering::Relaxed);
        if self.expendable.get() {
            self.counts.expendable.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    fn open(connections: &Connections) -> Extensions {
        let mut extensions = Extensions::new();
        connections.opened(&mut extensions);
        extensions
    }

    #[tokio::test(start_paused = true)]
    async fn others_are_waited_for_and_expendable_ones_for_a_moment() {
        let connections = Connections::default();
        let (stream, other) = (open(&connections), open(&connections));
        let connection: &Connection = stream.get().unwrap();
        connection.expendable.set(true);
        connections.0.expendable.fetch_add(1, Ordering::Relaxed);

        let mut ended = std::pin::pin!(connections.only_expendable());
        assert!(ended.as_mut().now_or_never().is_none());
        advance(GRACE * 10).await;
        assert!(ended.as_mut().now_or_never().is_none(), "one is neither closed nor expendable");
        drop(other);
        advance(INTERVAL).await;
        assert_eq!(ended.now_or_never(), Some(1));
        drop(stream);
        let mut ended = std::pin::pin!(connections.only_expendable());
        assert!(ended.as_mut().now_or_never().is_none());
        advance(GRACE).await;
        assert!(ended.now_or_never().is_none(), "with none left the server ends by itself");
        assert_eq!(connections.0.expendable.load(Ordering::Relaxed), 0);
        assert_eq!(connections.0.all.load(Ordering::Relaxed), 0);
    }
}
