//! A server that has started.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_server::ServerHandle;

use crate::{connections::Connections, listener::ListenerHandle};

/// A server that has started. It resolves when the server has stopped.
///
/// A process that must lose no request when it ends calls [`refuse_new_connections`](Self::refuse_new_connections),
/// awaits [`Connections::last_requests`], then calls [`stop`](Self::stop).
#[must_use = "a server does nothing unless it is awaited"]
pub struct Running {
    server: actix_server::Server,
    connections: Connections,
    listener: ListenerHandle,
}

impl Running {
    pub(crate) fn new(
        server: actix_server::Server,
        connections: Connections,
        listener: ListenerHandle,
    ) -> Self {
        Self { server, connections, listener }
    }

    /// A handle to stop the server from elsewhere.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// The connections of this server.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }

    /// Makes the kernel refuse new connections at once (RST). The server still accepts those in its accept queue;
    /// closing the listener would reset them.
    ///
    /// # Errors
    ///
    /// Only Linux can do this, since version 5.7 without privileges.
    pub fn refuse_new_connections(&self) -> io::Result<()> {
        self.listener.refuse_new_connections()
    }

    /// Closes the listener and idle connections, and finishes the requests in flight. If only
    /// [expendable](crate::mark_expendable) connections are left after 2 s, it does not wait for them, and returns
    /// their number.
    ///
    /// # Errors
    ///
    /// The server has failed.
    pub async fn stop(self) -> io::Result<usize> {
        let Self { server, connections, listener } = self;
        drop(listener);
        let handle = server.handle();
        let stopping = async { futures::join!(server, handle.stop(true)).0 };
        tokio::select! {
            ended = stopping => ended.map(|()| 0),
            left = connections.only_expendable_left() => Ok(left),
        }
    }
}

impl Future for Running {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.get_mut().server).poll(cx)
    }
}
