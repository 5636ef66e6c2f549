//! The HTTP/1.1 client: raw bytes where a test needs them, requests and answers elsewhere.

mod connection;
mod request;

use std::{net::SocketAddr, time::Instant};

use crate::Answer;

pub use connection::{Connection, Cut};
pub use request::Request;

/// One request on a connection of its own, which the server closes. Panics without an answer. It `took` what the
/// connection took, too.
#[track_caller]
pub fn ask(address: SocketAddr, request: impl Into<Request>) -> Answer {
    let asked = Instant::now();
    let mut connection = Connection::to(address);
    connection.send(request.into().close());
    let answer = connection.last_answer();
    Answer { took: asked.elapsed(), ..answer }
}

/// Everything that comes back to one request on a connection of its own, which the server closes or resets.
pub fn ask_raw(address: SocketAddr, request: impl Into<Request>) -> String {
    let mut connection = Connection::to(address);
    connection.send(request.into().close());
    connection.rest_or_part()
}
