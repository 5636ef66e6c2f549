//! A server on raw sockets that misbehaves as configured.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use resilience_testing::server::{self, Gate, Peer, Trap};
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::ServerConfig;

use super::act::{Act, answer, good, say};

/// A failure that is not retried, because the call's time would be over.
const FAILURE: &str = "503 Service Unavailable\r\nretry-after: 3600";

/// The acts of the server on one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Play {
    /// When the connection has been accepted.
    pub(crate) at_connect: Vec<Act>,
    /// When a request has arrived.
    pub(crate) at_request: Vec<Act>,
    /// Only on connections that have served a request before.
    pub(crate) only_kept: bool,
}

/// How requests are answered.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// Correctly.
    Healthy,
    /// With a 503 that is not retried, and counts as one failure. Then the connection is closed, or kept and used for
    /// these acts.
    Failing(Option<Vec<Act>>),
    /// All with this play.
    Misbehaving(Arc<Play>),
    /// Requests with these markers with their plays, others correctly.
    Planned(Arc<HashMap<String, Arc<Play>>>),
}

/// How the server handles connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// Refuses them.
    Closed,
    /// Does not respond to them.
    Silent,
}

#[derive(Debug)]
struct Shared {
    mode: Mutex<Mode>,
    elsewhere: Trap,
    busy: AtomicUsize,
    gate: Gate,
}

/// A server that runs until the process ends.
pub(crate) struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// The socket until the door is opened. `filling` holds the connections that fill its accept queue.
    socket: Option<Socket>,
    filling: Vec<TcpStream>,
    tls: Option<Arc<ServerConfig>>,
    server: Option<server::Server>,
}

impl Server {
    pub(crate) fn start(door: Door, tls: Option<Arc<ServerConfig>>) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let shared = Shared {
            mode: Mutex::new(Mode::Healthy),
            elsewhere: Trap::set("127.0.0.1:0"),
            busy: AtomicUsize::new(0),
            gate: Gate::default(),
        };
        let mut filling = Vec::new();
        if door == Door::Silent {
            socket.listen(0).unwrap();
            let patience = Duration::from_millis(100);
            while let Ok(stream) = TcpStream::connect_timeout(&address, patience) {
                filling.push(stream);
            }
        }
        let (shared, socket) = (Arc::new(shared), Some(socket));
        let mut server = Self { shared, address, socket, filling, tls, server: None };
        if door == Door::Open {
            server.open_door();
        }
        server
    }

    /// Accepts connections from now on.
    pub(crate) fn open_door(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        self.filling.clear();
        socket.listen(1024).unwrap();
        let shared = self.shared.clone();
        let script = move |peer| shared.serve(peer);
        self.server =
            Some(server::Server::on_with(TcpListener::from(socket), self.tls.clone(), script));
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Changes the mode, and restarts the counters.
    pub(crate) fn set(&self, mode: Mode) {
        self.shared.gate.set(false);
        *self.shared.mode.lock().unwrap() = mode;
        self.server.iter().for_each(server::Server::forget);
    }

    /// Lets the acts continue that wait for the answer's arrival.
    pub(crate) fn go_on(&self) {
        self.shared.gate.set(true);
    }

    /// Connections accepted and requests read since the mode was set.
    pub(crate) fn seen(&self) -> (usize, usize) {
        self.server.as_ref().map_or((0, 0), |server| (server.connections(), server.requests()))
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.server.as_ref().map_or(0, server::Server::open)
    }

    /// Connections with an act in progress.
    pub(crate) fn busy(&self) -> usize {
        self.shared.busy.load(Ordering::SeqCst)
    }

    /// True if a client connected to the target of the redirects.
    pub(crate) fn was_followed(&self) -> bool {
        self.shared.elsewhere.caught() > 0
    }
}

impl Shared {
    fn serve(&self, mut peer: Peer) {
        if let Mode::Misbehaving(play) = self.mode()
            && !play.only_kept
            && !play.at_connect.is_empty()
        {
            let _busy = Busy::new(&self.busy);
            self.play(&play.at_connect, peer, "");
            return;
        }
        let mut kept = false;
        while let Some(head) = peer.request() {
            let id = marker(&head, peer.body());
            let Some(again) = self.respond(peer, &id, kept) else { return };
            peer = again;
            kept = true;
        }
    }

    /// The connection, if it has not come to its end.
    fn respond(&self, peer: Peer, id: &str, kept: bool) -> Option<Peer> {
        let _busy = Busy::new(&self.busy);
        match self.mode() {
            Mode::Failing(afterwards) => {
                let connection = if afterwards.is_some() { "keep-alive" } else { "close" };
                let status = format!("{FAILURE}\r\nconnection: {connection}");
                let peer = self.play(&[say(answer(&status, "{}"))], peer, id)?;
                let afterwards = afterwards?;
                self.gate.pass();
                self.play(&afterwards, peer, id)
            }
            Mode::Misbehaving(all) if kept || !all.only_kept => {
                self.play(&all.at_request, peer, id)
            }
            Mode::Planned(plans) if plans.contains_key(id) => {
                self.play(&plans[id].at_request, peer, id)
            }
            Mode::Healthy | Mode::Misbehaving(_) | Mode::Planned(_) => {
                self.play(&[say(good())], peer, id)
            }
        }
    }

    fn mode(&self) -> Mode {
        self.mode.lock().unwrap().clone()
    }

    /// The connection, if it has not come to its end.
    fn play(&self, acts: &[Act], peer: Peer, id: &str) -> Option<Peer> {
        let elsewhere = self.elsewhere.address().to_string();
        let words = |bytes: &[u8]| fill(&fill(bytes, "{id}", id), "{elsewhere}", &elsewhere);
        peer.play(&acts.iter().map(|act| act.map(words)).collect::<Vec<_>>())
    }
}

/// Counts a connection with an act in progress.
struct Busy<'a>(&'a AtomicUsize);

impl<'a> Busy<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The marker of a request: its trace id. Panics if a request that is passed on consists of parts of several.
fn marker(head: &str, body: &[u8]) -> String {
    let head = head.to_ascii_lowercase();
    let trace = head.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
    let id = &trace[..32];
    if head.contains("x-id: ") {
        let (path, header) = (format!(" /{id}?id={id} "), format!("x-id: {id}\r\n"));
        let is_whole = head.contains(&path) && head.contains(&header);
        let body = str::from_utf8(body).unwrap();
        assert!(is_whole && body == if head.starts_with("put") { id } else { "" }, "{head}{body}");
    }
    id.to_owned()
}

fn fill(bytes: &[u8], place: &str, value: &str) -> Vec<u8> {
    let place = place.as_bytes();
    match bytes.windows(place.len()).position(|window| window == place) {
        None => bytes.to_vec(),
        Some(at) => {
            let rest = fill(&bytes[at + place.len()..], str::from_utf8(place).unwrap(), value);
            [&bytes[..at], value.as_bytes(), &rest].concat()
        }
    }
}
