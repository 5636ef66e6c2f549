//! A server on raw sockets, which misbehaves where it is told to.

use std::{
    collections::HashMap,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use super::{
    act::{Act, Next, answer, good},
    gate::{Busy, Gate},
};

/// What is done to a request, or before it comes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Play {
    /// As soon as the connection is there.
    pub(crate) at_connect: Vec<Act>,
    /// When a request has come.
    pub(crate) at_request: Vec<Act>,
    /// Only on connections that have served a request before.
    pub(crate) only_kept: bool,
}

/// How requests are answered.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// As they should be.
    Healthy,
    /// 501, which is one failure to the breaker; after which the connection is closed, or kept and
    /// these things are done to it.
    Failing(Option<Vec<Act>>),
    /// All in this way.
    Misbehaving(Arc<Play>),
    /// Those with these markers in these ways, others as they should be.
    Planned(Arc<HashMap<String, Arc<Play>>>),
}

/// Whether it lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// Refuses.
    Closed,
    /// Says nothing at all to who wants to connect.
    Silent,
}

#[derive(Debug)]
struct Shared {
    mode: Mutex<Mode>,
    elsewhere: SocketAddr,
    connections: AtomicUsize,
    requests: AtomicUsize,
    open: AtomicUsize,
    busy: AtomicUsize,
    gate: Gate,
}

/// A server, for as long as the process lives.
pub(crate) struct Server {
    shared: Arc<Shared>,
    socket: Option<Socket>,
    filling: Vec<TcpStream>,
    address: SocketAddr,
    elsewhere: TcpListener,
}

impl Server {
    pub(crate) fn start(door: Door) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let elsewhere = TcpListener::bind(any).unwrap();
        elsewhere.set_nonblocking(true).unwrap();
        let shared = Shared {
            mode: Mutex::new(Mode::Healthy),
            elsewhere: elsewhere.local_addr().unwrap(),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            gate: Gate::default(),
        };
        let (shared, filling) = (Arc::new(shared), Vec::new());
        let mut server = Self { shared, socket: Some(socket), filling, address, elsewhere };
        match door {
            Door::Open => server.open_door(),
            Door::Closed => {}
            Door::Silent => {
                server.socket.as_ref().unwrap().listen(0).unwrap();
                let patience = Duration::from_millis(100);
                while let Ok(stream) = TcpStream::connect_timeout(&address, patience) {
                    server.filling.push(stream);
                }
            }
        }
        server
    }

    /// Lets everybody in from now on.
    pub(crate) fn open_door(&mut self) {
        let Some(socket) = self.socket.take() else { return };
        self.filling.clear();
        socket.listen(1024).unwrap();
        let (listener, shared) = (TcpListener::from(socket), self.shared.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                shared.open.fetch_add(1, Ordering::SeqCst);
                let shared = shared.clone();
                thread::spawn(move || {
                    // An error means that the other side has left.
                    let _ = shared.serve(stream);
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, and counts from zero.
    pub(crate) fn set(&self, mode: Mode) {
        self.shared.gate.set(false);
        *self.shared.mode.lock().unwrap() = mode;
        self.shared.connections.store(0, Ordering::SeqCst);
        self.shared.requests.store(0, Ordering::SeqCst);
    }

    /// The answer has arrived: what is to be done after it can be done.
    pub(crate) fn go_on(&self) {
        self.shared.gate.set(true);
    }

    /// Connections accepted and requests read since the mode was set.
    pub(crate) fn seen(&self) -> (usize, usize) {
        let Shared { connections, requests, .. } = &*self.shared;
        (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst))
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Connections on which something is being done.
    pub(crate) fn busy(&self) -> usize {
        self.shared.busy.load(Ordering::SeqCst)
    }

    /// Whether somebody connected to where redirects point.
    pub(crate) fn was_followed(&self) -> bool {
        self.elsewhere.accept().is_ok()
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if let Mode::Misbehaving(play) = self.mode()
            && !play.only_kept
            && !play.at_connect.is_empty()
        {
            let _busy = Busy::new(&self.busy);
            self.play(&play.at_connect, stream, "")?;
            return Ok(());
        }
        let mut kept = false;
        while let Some(id) = marker(&mut stream)? {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let Some(again) = self.respond(stream, &id, kept)? else { break };
            stream = again;
            kept = true;
        }
        Ok(())
    }

    fn respond(&self, stream: TcpStream, id: &str, kept: bool) -> io::Result<Option<TcpStream>> {
        let _busy = Busy::new(&self.busy);
        let as_it_should = [Act::Say(good().into())];
        match self.mode() {
            Mode::Failing(afterwards) => {
                let connection = if afterwards.is_some() { "keep-alive" } else { "close" };
                let status = format!("501 Not Implemented\r\nconnection: {connection}");
                let failure = [Act::Say(answer(&status, "{}").into())];
                let Some(stream) = self.play(&failure, stream, id)? else { return Ok(None) };
                let Some(afterwards) = afterwards else { return Ok(None) };
                self.gate.pass();
                self.play(&afterwards, stream, id)
            }
            Mode::Misbehaving(all) if kept || !all.only_kept => {
                self.play(&all.at_request, stream, id)
            }
            Mode::Planned(plans) if plans.contains_key(id) => {
                self.play(&plans[id].at_request, stream, id)
            }
            Mode::Healthy | Mode::Misbehaving(_) | Mode::Planned(_) => {
                self.play(&as_it_should, stream, id)
            }
        }
    }

    fn mode(&self) -> Mode {
        self.mode.lock().unwrap().clone()
    }

    /// The stream, if it has not come to its end.
    fn play(&self, acts: &[Act], mut stream: TcpStream, id: &str) -> io::Result<Option<TcpStream>> {
        let elsewhere = self.elsewhere.to_string();
        let words = |bytes: &[u8]| fill(&fill(bytes, "{id}", id), "{elsewhere}", &elsewhere);
        for act in acts {
            if act.play(&mut stream, words)? == Next::Nothing {
                // Closed before it is said that this is over.
                drop(stream);
                return Ok(None);
            }
        }
        stream.flush()?;
        Ok(Some(stream))
    }
}

/// Reads one request. Its marker is the trace that it belongs to.
fn marker(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let trace = head.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
    Ok(Some(trace[..32].to_owned()))
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
