//! The service in this process.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should end"
)]

use std::time::Duration;

use actix_http::Request;
use actix_web::{Error, HttpResponse, body::BoxBody, dev::ServiceResponse, test};
use client_service::{
    Config, Service,
    gateway::{reload::Reloader, table::GatewayUpstreams},
};
use resilience_actors::{Breaker, BreakerSnapshot};
use resilience_testing::{Answer, app};
use service_edge::{Drain, Metrics, Settings};
use tokio::sync::Mutex;

/// Short timeouts and two attempts, so that each test ends soon.
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
    pub(crate) gateway: GatewayUpstreams,
    pub(crate) reloader: Mutex<Option<Reloader>>,
    pub(crate) drain: Drain,
}

pub(crate) async fn lab(
    config: Config,
) -> Lab<impl actix_web::dev::Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>>
{
    let (breaker, drain) = (Breaker::start(config.policies.load().breaker.clone()), Drain::new());
    let token = config.common.admin_token.clone();
    let metrics = Metrics::new("1");
    let arbiter = actix_rt::Arbiter::current();
    let shares = client_service::share_descriptors(&config);
    let shared = Service::new(config, shares, (&breaker, &arbiter), drain.clone(), &metrics);
    let (gateway, reloader) = (shared.gateway().clone(), Mutex::new(shared.reloader()));
    let configure = move |routes: &mut service_edge::Routes<'_>| shared.configure(routes);
    let app = service_edge::app(drain.clone(), token, metrics, configure);
    Lab { service: test::init_service(app).await, breaker, gateway, reloader, drain }
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

    /// Sends a request. Asserts that the answer is JSON.
    pub(crate) async fn send(&self, request: test::TestRequest) -> Answer {
        app::answer(&self.service, request.to_request()).await.must_be_json()
    }

    /// Sends a request, and returns the answer without reading its body.
    pub(crate) async fn open(&self, request: test::TestRequest) -> HttpResponse {
        app::open(&self.service, request.to_request()).await
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        app::answer(&self.service, test::TestRequest::get().uri(path).to_request()).await.text
    }

    pub(crate) async fn breaker(&self) -> BreakerSnapshot {
        self.breaker.inspect().await.unwrap()
    }
}

/// Each of these is a line of the text.
#[track_caller]
pub(crate) fn assert_lines(text: &str, lines: &[impl AsRef<str>]) {
    for line in lines {
        let line = line.as_ref();
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
}

/// Lets the runtime handle pending events of its sockets.
pub(crate) async fn settle_io() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
}
