//! The service in this process, in front of a backend that does on a raw socket what it is told.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

use std::{cell::Cell, net::SocketAddr, rc::Rc, time::Duration};

use actix_http::Request;
use actix_web::{
    Error,
    body::BoxBody,
    dev::ServiceResponse,
    http::{StatusCode, header::HeaderMap},
    test,
    web::ServiceConfig,
};
use client_service::{Config, Service};
use resilience_actors::{Breaker, BreakerSnapshot};
use serde_json::Value;
use service_edge::{Drain, Metrics, Settings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Short times, two attempts: so that a test ends soon, whatever the backend does.
const QUICK: [(&str, &str); 9] = [
    ("RETRY_MAX_ATTEMPTS", "2"),
    ("RETRY_BASE_DELAY", "0.01"),
    ("RETRY_MAX_DELAY", "0.05"),
    ("ATTEMPT_TIMEOUT", "0.4"),
    ("CONNECT_TIMEOUT", "0.2"),
    ("CALL_DEADLINE", "10"),
    ("BREAKER_TRIAL_LEASE", "1"),
    ("BREAKER_RESET_TIMEOUT", "60"),
    ("MAX_RESPONSE_BYTES", "10000"),
];

/// Settings from [`QUICK`], overridden by `variables`.
pub(crate) fn config(backend: &str, variables: &[(&str, &str)]) -> Config {
    let variables = [variables, &[("BACKEND_URL", backend)], &QUICK].concat();
    let mut settings = Settings::from_pairs(&variables);
    Config::read(&mut settings).unwrap()
}

/// The service, without a socket of its own.
pub(crate) struct Lab<S> {
    service: S,
    pub(crate) breaker: Breaker,
    pub(crate) drain: Drain,
}

/// An answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn attempts(&self) -> u64 {
        self.body["attempts"].as_u64().expect("a number of attempts")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) async fn lab(
    config: Config,
) -> Lab<impl actix_web::dev::Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>>
{
    let (breaker, drain) = (Breaker::start(config.breaker.clone()), Drain::new());
    let token = config.common.admin_token.clone();
    let metrics = Metrics::new("1");
    let shares = client_service::share_descriptors(&config);
    let shared = Service::new(config, shares, &breaker, drain.clone(), &metrics);
    let configure = move |routes: &mut ServiceConfig| shared.configure(routes);
    let app = service_edge::app(drain.clone(), token, metrics, configure);
    Lab { service: test::init_service(app).await, breaker, drain }
}

impl<S> Lab<S>
where
    S: actix_web::dev::Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(test::TestRequest::get().uri(path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(test::TestRequest::post().uri(path).set_payload(body.to_owned())).await
    }

    /// Every answer must be JSON, whatever it answers to.
    pub(crate) async fn send(&self, request: test::TestRequest) -> Answer {
        let response = match self.service.call(request.to_request()).await {
            Ok(response) => response.into_parts().1,
            Err(error) => error.error_response(),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|error| panic!("{status} with a body that is not JSON: {error}"));
        Answer { status, headers, body }
    }

    /// An answer that need not be JSON, and may go on.
    pub(crate) async fn open(&self, request: test::TestRequest) -> actix_web::HttpResponse {
        match self.service.call(request.to_request()).await {
            Ok(response) => response.into_parts().1,
            Err(error) => error.error_response(),
        }
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.open(test::TestRequest::get().uri(path)).await;
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub(crate) async fn breaker(&self) -> BreakerSnapshot {
        self.breaker.inspect().await.unwrap()
    }
}

/// A backend that plays a script on each connection.
pub(crate) struct Upstream {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
    requests: Rc<Cell<usize>>,
}

impl Upstream {
    pub(crate) async fn start<F>(script: impl Fn(Connection) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let upstream = Self { address, connections, requests };
        let (connections, requests) = (upstream.connections.clone(), upstream.requests.clone());
        actix_web::rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.set(connections.get() + 1);
                let number = connections.get();
                let connection = Connection { stream, number, requests: requests.clone() };
                actix_web::rt::spawn(script(connection));
            }
        });
        upstream
    }

    /// Says `answer` to each request, on connections that stay open.
    pub(crate) async fn saying(answer: impl Into<String>) -> Self {
        let answer: Rc<str> = answer.into().into();
        Self::start(move |mut connection| {
            let answer = answer.clone();
            async move {
                while connection.request().await {
                    connection.say(&answer).await;
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.get()
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.get()
    }
}

/// One connection that the service made.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// 1 for the first.
    pub(crate) number: usize,
    requests: Rc<Cell<usize>>,
}

impl Connection {
    /// Reads one request; false if the other side has closed.
    pub(crate) async fn request(&mut self) -> bool {
        self.request_head().await.is_some()
    }

    /// Reads one request; its head, unless the other side has closed.
    pub(crate) async fn request_head(&mut self) -> Option<String> {
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => seen.push(byte),
                Err(_) => return None,
            }
        }
        self.requests.set(self.requests.get() + 1);
        Some(String::from_utf8(seen).unwrap())
    }

    /// The other side may have left: that is its right.
    pub(crate) async fn say(&mut self, bytes: &str) {
        let _ = self.stream.write_all(bytes.as_bytes()).await;
    }

    pub(crate) async fn hold(self) {
        std::future::pending::<()>().await;
    }

    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

/// A whole answer with a length.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

pub(crate) fn ok(body: &str) -> String {
    http("200 OK", "content-type: application/json\r\n", body)
}

/// Waits until something is so; fails if it does not come to be.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let patience = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), patience)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within 10 s"));
}

/// Lets the runtime see what the sockets of this machine have to say by now.
pub(crate) async fn settle_io() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
}
