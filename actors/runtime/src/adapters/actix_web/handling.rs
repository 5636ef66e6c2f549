//! A request to a handler, as a call.

use std::{cell::Cell, rc::Rc};

use actix_web::{
    Error,
    dev::{Service, ServiceRequest, ServiceResponse},
};
use tokio::sync::oneshot;

use crate::{
    operation::{Attempt, Operation},
    outcome::{Outcome, Verdict},
};

/// A request that no handler has got yet. Its middleware gets it back if the call is rejected.
pub(super) type Waiting = Rc<Cell<Option<ServiceRequest>>>;

/// Why a handler has returned no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoResponse {
    /// The handler, or a middleware inside this one, has failed.
    #[error("{0}")]
    Failed(Error),
    /// The client has left.
    #[error("the client has left")]
    ClientLeft,
}

/// Runs the handler. In the task of the call, so it must be told when the client leaves.
pub(super) struct Handling<S> {
    service: Rc<S>,
    request: Waiting,
    /// Ends when the middleware's future is dropped.
    client: Cell<Option<oneshot::Receiver<()>>>,
}

impl<S> Handling<S> {
    pub(super) fn new(service: Rc<S>, request: Waiting, client: oneshot::Receiver<()>) -> Self {
        Self { service, request, client: Cell::new(Some(client)) }
    }
}

impl<S, B> Operation for Handling<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: 'static,
{
    type Answer = ServiceResponse<B>;
    type Error = NoResponse;

    async fn run(&self, _: Attempt<'_>) -> Result<ServiceResponse<B>, NoResponse> {
        let (Some(request), Some(client)) = (self.request.take(), self.client.take()) else {
            return Err(NoResponse::ClientLeft);
        };
        tokio::select! {
            biased;
            // First, so that no handler begins for a client that has left meanwhile.
            _ = client => Err(NoResponse::ClientLeft),
            handled = self.service.call(request) => handled.map_err(NoResponse::Failed),
        }
    }

    fn classify(&self, result: &Result<ServiceResponse<B>, NoResponse>) -> Verdict {
        let status = match result {
            Ok(response) => response.status(),
            Err(NoResponse::Failed(error)) => error.as_response_error().status_code(),
            Err(NoResponse::ClientLeft) => return Outcome::Cancelled.into(),
        };
        let failed = status.is_server_error();
        let outcome = if failed { Outcome::ServerError } else { Outcome::Success };
        Verdict { code: Some(status.as_u16()), ..outcome.into() }
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}
