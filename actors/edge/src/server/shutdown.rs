//! The shutdown of a server.
//!
//! It has three steps, which together take at most `SHUTDOWN_TIMEOUT`.
//!
//! 1. The process keeps listening, because clients and the cluster do not know of the shutdown yet. `/ready` answers
//!    503, and every response has `Connection: close`. The step ends when all requests that were in flight at its
//!    start are finished and no connection has been accepted for 1 s; at the latest after 4 s, or a quarter of
//!    `SHUTDOWN_TIMEOUT` if that is less.
//! 2. The kernel refuses new connections at once. The process accepts the queued ones, and keeps idle connections
//!    open for one more request: closing a connection without `Connection: close` may lose a request that is on
//!    its way.
//! 3. The process closes the listener and idle connections, and finishes the remaining requests. It closes
//!    [expendable](crate::mark_expendable) connections when no others are left.

use std::{io, time::Duration};

use actix_connection_guard::Running;
use tokio::time::timeout;

use crate::{
    drain::Drain,
    process::shutdown_signals::ShutdownSignals,
    telemetry::log_targets::{LIFECYCLE, SOCKET_FILTER},
};

/// If no connection was accepted for this long, clients are taken to know of the shutdown. On Kubernetes, kube-proxy
/// sends new connections to a pod for about a second after its shutdown has begun; they hang once the pod's network
/// is gone.
const UNNOTICED: Duration = Duration::from_secs(1);

/// Maximum duration of step 1. With the default `SHUTDOWN_TIMEOUT`, a call that arrives at the end of step 1 or in
/// step 2 (at most 1 s) still has time for the default `CALL_DEADLINE`.
const LISTENING: Duration = Duration::from_secs(4);

/// A server whose shutdown has begun.
pub(super) struct Shutdown {
    /// The service's name in log lines.
    pub(super) service: &'static str,
    /// `SHUTDOWN_TIMEOUT`.
    pub(super) limit: Duration,
    pub(super) drain: Drain,
    pub(super) running: Running,
}

impl Shutdown {
    /// Shuts down. A further signal, or the end of the timeout, stops at once.
    pub(super) async fn run(self, mut signals: ShutdownSignals) -> io::Result<()> {
        let (service, limit) = (self.service, self.limit);
        tokio::select! {
            ended = timeout(limit, self.steps()) => match ended {
                Ok(ended) => ended?,
                Err(_) => log::warn!(
                    target: LIFECYCLE,
                    "{service}: SHUTDOWN_TIMEOUT of {} s is over; cutting off what is still in flight",
                    limit.as_secs_f64()
                ),
            },
            name = signals.next() => log::warn!(
                target: LIFECYCLE,
                "{service} got {name} again: cutting off what is still in flight"
            ),
        }
        Ok(())
    }

    async fn steps(self) -> io::Result<()> {
        let Self { service, limit, drain, mut running } = self;
        let connections = running.connections();
        // With a short SHUTDOWN_TIMEOUT, most of it is left for the requests.
        let limit = limit / 4;
        // A process that failed cannot answer new requests, so it does not wait for new connections.
        let unnoticed = if drain.failure().is_some() { Duration::ZERO } else { UNNOTICED };
        let noticed = async {
            futures::join!(drain.finished(), connections.no_new_connection_for(unnoticed))
        };
        tokio::select! {
            ended = &mut running => return ended,
            _ = timeout(LISTENING.min(limit), noticed) => {}
        }
        if let Err(error) = running.refuse_new_connections() {
            log::debug!(target: SOCKET_FILTER, "connections may be reset when the listener is closed: {error}");
        }
        connections.last_requests(limit).await;
        let unread = running.stop().await?;
        if unread > 0 {
            log::info!(target: LIFECYCLE, "{service}: cutting off {unread} unread event stream(s)");
        }
        Ok(())
    }
}
