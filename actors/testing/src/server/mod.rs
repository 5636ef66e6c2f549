//! A server that plays a script on each connection.

mod act;
mod gate;
mod peer;
mod stream;
mod trap;

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

pub use act::Act;
pub use gate::Gate;
pub use peer::Peer;
use stream::Stream;
use tokio_rustls::rustls::ServerConfig;
pub use trap::Trap;

/// A server on raw sockets that runs until the process ends. Each connection has its own thread.
#[derive(Debug, Clone)]
pub struct Server {
    address: SocketAddr,
    is_tls: bool,
    seen: Arc<Seen>,
}

/// The connections and requests so far.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    open: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

impl Server {
    /// Plays `script` on each connection, on a free port.
    pub fn start(script: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    /// Plays `script` on each connection of `listener`.
    pub fn on(listener: TcpListener, script: impl Fn(Peer) + Send + Sync + 'static) -> Self {
        Self::on_with(listener, None, script)
    }

    /// As [`on`](Self::on), with TLS if there is a configuration. A handshake happens at the script's first read or
    /// write.
    pub fn on_with(
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(Peer) + Send + Sync + 'static,
    ) -> Self {
        let is_tls = tls.is_some();
        let server = Self { address: listener.local_addr().unwrap(), is_tls, seen: Arc::default() };
        let (seen, script) = (server.seen.clone(), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = seen.connections.fetch_add(1, Ordering::SeqCst) + 1;
                seen.open.fetch_add(1, Ordering::SeqCst);
                let (seen, script) = (seen.clone(), script.clone());
                let stream = Stream::new(stream, tls.clone());
                thread::spawn(move || {
                    script(Peer::new(stream, number, seen.clone()));
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// Starts a server that sends `answer` to each request and keeps connections open.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |mut peer| {
            while peer.request().is_some() {
                peer.say(&answer);
            }
        })
    }

    /// Starts a server that reads one request of each connection, sends `answer` when the gate is open, and closes the
    /// connection.
    pub fn behind(gate: &Arc<Gate>, answer: impl Into<Vec<u8>>) -> Self {
        let (gate, answer) = (Arc::clone(gate), answer.into());
        Self::start(move |mut peer| {
            peer.request();
            gate.pass();
            peer.say(&answer);
        })
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Number of connections accepted.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Number of connections whose scripts have not ended.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Number of requests read.
    pub fn requests(&self) -> usize {
        self.seen.heads.lock().unwrap().len()
    }

    /// The heads of the requests read.
    pub fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// Resets the counts to zero. Connections stay open.
    pub fn forget(&self) {
        self.seen.connections.store(0, Ordering::SeqCst);
        self.seen.heads.lock().unwrap().clear();
    }
}

/// A complete answer with `Content-Length`. `headers` are whole lines, each with its CRLF.
pub fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// A complete answer with status 200 and this JSON.
pub fn ok(body: &str) -> String {
    http("200 OK", "content-type: application/json\r\n", body)
}
