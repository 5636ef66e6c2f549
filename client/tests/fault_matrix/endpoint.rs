//! The endpoints of the client that call the server.

use resilience_testing::{http::Request, process::Process};

use super::received::Received;

/// An endpoint of the client that calls the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/api/call-backend`.
    Protected,
    /// `/api/call-backend-without-resilience`.
    Unprotected,
    /// `/upstreams/u/`, which passes a request on.
    Gateway,
}

impl Endpoint {
    /// The resource that shows its circuit breaker.
    pub(crate) fn breaker(self) -> &'static str {
        match self {
            Self::Protected | Self::Unprotected => "/api/circuit-breaker",
            Self::Gateway => "/api/upstreams/u",
        }
    }

    /// Makes a call with this marker, which the server puts into its answer. Panics if the answer may be that of
    /// another call.
    pub(crate) fn call(self, client: &Process, id: &str) -> Received {
        let trace = format!("traceparent: 00-{id}-00f067aa0ba902b7-00\r\n");
        let received = match self {
            Self::Protected => {
                let answer = client.ask(Request::new("GET /api/call-backend").headers(trace));
                Received::from_lab(&answer, answer.number("attempts"))
            }
            Self::Unprotected => {
                let path = "GET /api/call-backend-without-resilience";
                Received::from_lab(&client.ask(Request::new(path).headers(trace)), 1)
            }
            Self::Gateway => {
                let mut connection = client.connect();
                connection.send(passed_on(id).headers(trace).close());
                Received::from_gateway(&mut connection)
            }
        };
        received.must_be_that_of(id);
        received
    }
}

/// A request to the gateway with the marker in its path, query, headers and body. Every second one has a body.
fn passed_on(id: &str) -> Request {
    let target = format!("/upstreams/u/{id}?id={id}");
    let is_odd = id.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']);
    let request = if is_odd {
        Request::new(format!("PUT {target}")).body(id)
    } else {
        Request::new(format!("GET {target}"))
    };
    request.headers(format!("x-id: {id}\r\n"))
}
