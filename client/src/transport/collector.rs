//! Sends spans to an OpenTelemetry collector.

use std::{cell::Cell, rc::Rc};

use actix_web::http::{
    StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use awc::Client;
use resilience_actors::adapters::awc::HttpError;

use super::{
    ConnectionBudget, ConnectionSettings, PRODUCT,
    connections::Connections,
    connector,
    worker_client::{client, unsent},
};

/// Maximum number of bytes of an answer that are read, so that its connection can be used again.
const MAX_ANSWER: usize = 64 * 1024;

/// Why a collector has not accepted a body.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// There was no answer.
    #[error("the collector is not reached: {0}")]
    NoAnswer(HttpError),
    /// The answer's status was not 2xx.
    #[error("the collector answered with status {}", .0.as_u16())]
    Status(StatusCode),
}

/// The HTTP client for a collector, with one connection of its own.
pub struct CollectorTransport {
    client: Client,
    uri: Uri,
}

impl CollectorTransport {
    /// Creates the transport. Opens no connection.
    pub fn new(settings: &ConnectionSettings, uri: Uri) -> Self {
        let budget = ConnectionBudget::new(1, 2);
        let connections = Rc::new(Connections::new(budget));
        let client = client(settings, Rc::default(), connections);
        Self { client, uri }
    }

    /// Sends a body in JSON.
    ///
    /// # Errors
    /// No answer, or a status other than 2xx.
    pub async fn send(&self, body: String) -> Result<(), CollectorError> {
        let request = self
            .client
            .post(self.uri.clone())
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .insert_header((USER_AGENT, HeaderValue::from_static(PRODUCT)));
        let connecting = Cell::new(false);
        let (answer, _connection) =
            connector::track_connection(request.send_body(body), &connecting, None).await;
        let mut answer = answer.map_err(|error| CollectorError::NoAnswer(unsent(error)))?;
        // Only the status matters.
        drop(answer.body().limit(MAX_ANSWER).await);
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(CollectorError::Status(status)) }
    }
}
