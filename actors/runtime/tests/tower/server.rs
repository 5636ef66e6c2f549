//! A hyper server on loopback that a test controls, and a hyper client behind a layer.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use http_body_util::Empty;
use hyper::{Request, Response, Uri, body::Bytes, service::service_fn};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use resilience_actors::{
    CallError, Observation, Observer, State, Upstream, UpstreamBuilder,
    adapters::tower::{HttpStatus, Resilience, ResilienceLayer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tower::{Layer as _, ServiceExt as _};

/// The longest that a step of a test takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

type Body = Empty<Bytes>;

pub(crate) type Answer = Result<u16, CallError<legacy::Error>>;

/// Answers each request with a status, and holds its answers back if told to.
#[derive(Clone)]
pub(crate) struct Server(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    status: AtomicU16,
    is_holding: watch::Sender<bool>,
    /// Requests that arrived, that are unanswered, and the most that were at a time.
    requests: watch::Sender<Requests>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Requests {
    pub(crate) arrived: usize,
    pub(crate) in_flight: usize,
    pub(crate) most: usize,
}

impl Server {
    /// Starts a server that answers 200 at once.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self(Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            status: AtomicU16::new(200),
            is_holding: watch::Sender::new(false),
            requests: watch::Sender::default(),
        }));
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    async fn serve(self, stream: TcpStream) {
        let service = service_fn(async |_| Ok::<_, Infallible>(self.answer().await));
        let connection = hyper::server::conn::http1::Builder::new();
        // An error means that the client has closed the connection.
        let _ = connection.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self) -> Response<Body> {
        let _counted = InFlight::new(&self.0.requests);
        let mut is_holding = self.0.is_holding.subscribe();
        is_holding.wait_for(|is_holding| !is_holding).await.unwrap();
        let status = self.0.status.load(Ordering::SeqCst);
        Response::builder().status(status).body(Body::new()).unwrap()
    }

    pub(crate) fn answers(&self, status: u16) {
        self.0.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn holds_answers(&self, hold: bool) {
        self.0.is_holding.send_replace(hold);
    }

    pub(crate) fn requests(&self) -> Requests {
        *self.0.requests.borrow()
    }

    /// Waits for these requests.
    pub(crate) async fn until(&self, mut are: impl FnMut(&Requests) -> bool) {
        let mut requests = self.0.requests.subscribe();
        let waited = timeout(PATIENCE, requests.wait_for(|requests| are(requests))).await;
        assert!(waited.is_ok(), "{:?}", self.requests());
    }

    pub(crate) fn uri(&self) -> Uri {
        uri(self.0.address)
    }
}

pub(crate) fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}/").parse().unwrap()
}

/// A request that is unanswered.
struct InFlight<'a>(&'a watch::Sender<Requests>);

impl<'a> InFlight<'a> {
    fn new(requests: &'a watch::Sender<Requests>) -> Self {
        requests.send_modify(|requests| {
            requests.arrived += 1;
            requests.in_flight += 1;
            requests.most = requests.most.max(requests.in_flight);
        });
        Self(requests)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|requests| requests.in_flight -= 1);
    }
}

/// A hyper client behind the policies of an upstream.
#[derive(Clone)]
pub(crate) struct Protected {
    pub(crate) upstream: Upstream,
    service: Resilience<Client<HttpConnector, Body>, HttpStatus>,
    state: watch::Receiver<State>,
}

impl Protected {
    /// Starts the upstream without an actix system.
    pub(crate) fn new(upstream: UpstreamBuilder) -> Self {
        let (sender, state) = watch::channel(State::Closed);
        let upstream = upstream.observer(Arc::new(Transitions(sender)));
        let upstream = upstream.start_in_background().unwrap();
        let layer = ResilienceLayer::new(&upstream).unwrap().classify(HttpStatus);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { upstream, service: layer.layer(client), state }
    }

    /// Makes a request, and returns the status of the answer.
    pub(crate) fn get(&self, uri: Uri) -> impl Future<Output = Answer> + Send + use<> {
        let request = Request::get(uri).body(Body::new()).unwrap();
        let answer = self.service.clone().oneshot(request);
        async move { Ok(answer.await?.status().as_u16()) }
    }

    /// Waits for the circuit to be in this state.
    pub(crate) async fn until(&mut self, state: State) {
        let waited = timeout(PATIENCE, self.state.wait_for(|now| *now == state)).await;
        assert!(waited.is_ok(), "the circuit is {}", self.upstream.state());
    }

    /// Waits for this number of attempts in flight, and of attempts that wait for a place.
    pub(crate) async fn until_in_flight_and_queued(&self, expected: (usize, usize)) {
        let counts = async || {
            while self.in_flight_and_queued() != expected {
                tokio::task::yield_now().await;
            }
        };
        let waited = timeout(PATIENCE, counts()).await;
        assert!(waited.is_ok(), "{:?}", self.in_flight_and_queued());
    }

    pub(crate) fn in_flight_and_queued(&self) -> (usize, usize) {
        let limit = self.upstream.concurrency().unwrap().snapshot();
        (limit.in_flight, limit.queued)
    }
}

/// Passes on what state the circuit is in.
struct Transitions(watch::Sender<State>);

impl Observer for Transitions {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::Transition { transition, .. } = observation {
            self.0.send_replace(transition.to);
        }
    }
}
