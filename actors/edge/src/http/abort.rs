//! Responses that close the connection before their end.

use std::{fmt, future::ready};

use actix_web::{HttpResponse, web::Bytes};
use futures::stream;

use crate::telemetry::logging::actix_reports::ABORTED_ON_PURPOSE;

/// Returns a response that makes the server close the connection before it sends a byte: the body fails while the head
/// still waits to be flushed.
pub fn abort() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::once(ready(Err::<Bytes, _>(Aborted))))
}

/// The error of a response's body that ends its connection on purpose. actix logs its `Debug`, which the log leaves
/// out.
#[derive(Clone, Copy)]
pub struct Aborted;

impl fmt::Debug for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ABORTED_ON_PURPOSE)
    }
}

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ABORTED_ON_PURPOSE)
    }
}

impl std::error::Error for Aborted {}
