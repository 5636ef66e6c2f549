//! A response that closes the connection without a byte.

use std::{fmt, future::ready};

use actix_web::{HttpResponse, web::Bytes};
use futures::stream;

use crate::telemetry::logging::actix_reports::ABORTED_ON_PURPOSE;

/// Returns a response that makes the server close the connection before it sends a byte: the body fails while the head
/// still waits to be flushed.
pub fn abort() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::once(ready(Err::<Bytes, _>(Aborted))))
}

/// The error of the body. actix logs its `Debug`.
struct Aborted;

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
