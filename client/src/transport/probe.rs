//! Asks an upstream whether it is back, while the circuit is open.

use std::{cell::Cell, rc::Rc};

use actix_web::http::{
    StatusCode, Uri,
    header::{ACCEPT, HeaderValue, USER_AGENT},
};

use super::{
    BackendError, ConnectionBudget, ConnectionSettings, PRODUCT,
    connections::Connections,
    connector,
    resolver::Resolver,
    worker_client::{client, unsent},
};

/// The HTTP client of the prober, with connections of its own: calls do not use them up. Each probe makes a
/// connection, as each trial does.
pub struct ProbeTransport {
    connections: Rc<Connections>,
    resolver: Rc<Resolver>,
    settings: ConnectionSettings,
    uri: Uri,
}

/// Why a probe has failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There was no answer.
    #[error(transparent)]
    NoAnswer(#[from] BackendError),
    /// The answer's status was not 2xx.
    #[error("status {}", .0.as_u16())]
    Status(StatusCode),
}

impl ProbeTransport {
    /// Creates the transport. Opens no connection.
    pub fn new(settings: ConnectionSettings, uri: Uri) -> Self {
        // One connection, and two to other addresses of the upstream if the first does not respond.
        let budget = ConnectionBudget::new(1, 2);
        Self {
            connections: Rc::new(Connections::new(budget)),
            resolver: Rc::default(),
            settings,
            uri,
        }
    }

    /// Makes one request on a new connection. The head of the answer decides; its body is not read.
    ///
    /// # Errors
    /// No answer, or a status other than 2xx.
    pub async fn ask(&self) -> Result<(), ProbeError> {
        let (resolver, connections) = (Rc::clone(&self.resolver), Rc::clone(&self.connections));
        let client = client(&self.settings, resolver, connections);
        let request = client
            .get(self.uri.clone())
            .insert_header((ACCEPT, HeaderValue::from_static("*/*")))
            .insert_header((USER_AGENT, HeaderValue::from_static(PRODUCT)));
        let connecting = Cell::new(false);
        let (answer, _connection) =
            connector::track_connection(request.send(), &connecting, None).await;
        let status = answer.map_err(|error| BackendError::from(unsent(error)))?.status();
        if status.is_success() { Ok(()) } else { Err(ProbeError::Status(status)) }
    }
}
