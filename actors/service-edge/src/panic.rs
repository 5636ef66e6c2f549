//! A handler's panic costs its caller a 500, and nobody else anything.

use std::{any::Any, panic::AssertUnwindSafe};

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use futures::FutureExt;

use crate::ApiError;

/// A middleware for `actix_web::middleware::from_fn`: without it a panic closes the connection
/// without a byte.
///
/// # Errors
///
/// A panic becomes an [`ApiError`] of status 500. The panic's message goes to the log, not to the
/// client.
pub async fn contain<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let what = format!("{} {}", request.method(), request.path());
    // Nothing that the handler left half-done is looked at again: the request is dropped with it.
    AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await.unwrap_or_else(
        |panic| {
            log::error!("{what}: the handler panicked: {}", message(&*panic));
            Err(ApiError::internal("the request failed unexpectedly").into())
        },
    )
}

/// What a panic said.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}
