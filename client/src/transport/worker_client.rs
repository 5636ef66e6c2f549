//! One worker's HTTP client for one upstream.

use std::{rc::Rc, time::Duration};

use actix_web::http::{Method, StatusCode, Uri};
use awc::{Client, ClientRequest, SendClientRequest, error::SendRequestError};
use resilience_actors::{
    Attempt,
    adapters::awc::{Answer, HttpClient, HttpError, io_error},
};

use super::{
    ConnectionBudget, ConnectionSettings,
    connections::{Connections, InUse},
    connector,
    place::Place,
    resolver::Resolver,
    shortage::Shortage,
    socket::CutOff,
    upload::Upload,
};

/// awc's own timeout, longer than any attempt: the scheduler's timeouts apply instead.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// One worker's HTTP client for one upstream, with connections of its own.
pub(crate) struct WorkerClient {
    /// Its kept connections are forgotten when one of them may receive leftover bytes.
    client: HttpClient,
    connections: Rc<Connections>,
}

impl WorkerClient {
    /// Creates the client. Opens no connection.
    pub(crate) fn new(settings: &ConnectionSettings, budget: ConnectionBudget) -> Self {
        Self::with_resolver(settings, Resolver::default(), budget)
    }

    /// As [`new`](Self::new), with connections that go to `place`. `Host` and the server name of TLS stay those of the
    /// request's URI and of the settings.
    pub(crate) fn of_place(
        settings: &ConnectionSettings,
        place: &Place,
        budget: ConnectionBudget,
    ) -> Self {
        Self::with_resolver(settings, Resolver::of_place(place.clone()), budget)
    }

    fn with_resolver(
        settings: &ConnectionSettings,
        resolver: Resolver,
        budget: ConnectionBudget,
    ) -> Self {
        let settings = settings.clone();
        let connections = Rc::new(Connections::new(budget).expiring(&settings));
        let resolver = Rc::new(resolver);
        let shared = Rc::clone(&connections);
        let make = move || client(&settings, Rc::clone(&resolver), Rc::clone(&shared));
        Self { client: HttpClient::new(make), connections }
    }

    /// A request for an attempt, which [`send`](Self::send) sends.
    pub(crate) fn request(&self, method: Method, uri: Uri, attempt: &Attempt<'_>) -> ClientRequest {
        self.client.client(attempt.fresh_connection).request(method, uri)
    }

    /// Sends a request, and waits for the head of its answer. The connection counts as in use until the returned
    /// [`InUse`] is dropped. `is_bodyless` says which statuses have no body, whatever the head says. A request with an
    /// `upload` has no body of its own.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn send(
        &self,
        request: SendClientRequest,
        attempt: &Attempt<'_>,
        upload: Option<Box<Upload>>,
        is_bodyless: impl Fn(StatusCode) -> bool,
    ) -> Result<(Answer, Option<InUse>), HttpError> {
        let (answer, connection) =
            connector::track_connection(request, attempt.connecting(), upload).await;
        let answer = Answer::from(answer.map_err(unsent)?);
        if answer.may_be_followed() && !is_bodyless(answer.status()) {
            // The connection is already back in the pool. The next request on it could receive the leftover bytes as
            // its response. No other task has run since the connection went back: the `await` above returned in
            // the same poll.
            self.client.forget_connections();
        }
        Ok((answer, connection))
    }

    /// Closes idle connections. They may be dead as well as one on which an attempt timed out (firewall, dead host),
    /// and each would cost a call one timeout.
    pub(crate) fn close_idle(&self) {
        self.connections.close_idle();
    }
}

/// Creates a client with its own pool. awc's timeouts and pool limit are off: the scheduler bounds the time of each
/// attempt and the number of calls.
pub(super) fn client(
    settings: &ConnectionSettings,
    resolver: Rc<Resolver>,
    connections: Rc<Connections>,
) -> Client {
    let connector = awc::Connector::new()
        .connector(connector::service(settings.clone(), resolver, connections))
        .timeout(NEVER)
        .conn_lifetime(settings.max_age)
        .conn_keep_alive(settings.idle_timeout)
        .limit(0);
    Client::builder()
        .connector(connector)
        .disable_timeout()
        .disable_redirects()
        .no_default_headers()
        .finish()
}

/// Converts awc's error of a request that got no response head.
pub(super) fn unsent(error: SendRequestError) -> HttpError {
    if let Some(error) = io_error(&error) {
        if let Some(shortage) = Shortage::of(error) {
            return HttpError::LocalShortage(shortage.to_string());
        }
        if let Some(end) = CutOff::of(error) {
            let reason = format!("malformed head: {end}");
            return HttpError::Unusable { status: None, reason };
        }
    }
    HttpError::from(error)
}
