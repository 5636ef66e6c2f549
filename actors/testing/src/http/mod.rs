//! The HTTP/1.1 client: raw bytes where a test needs them, requests and answers elsewhere.

mod connection;
mod request;

use std::{net::SocketAddr, time::Instant};

use crate::Answer;

pub use connection::{Connection, Cut};
pub use request::Request;

/// Makes one request on its own connection, which the server closes. Panics without an answer. `took` includes the
/// connect.
#[track_caller]
pub fn ask(address: SocketAddr, request: impl Into<Request>) -> Answer {
    let asked = Instant::now();
    let mut connection = Connection::to(address);
    connection.send(request.into().close());
    let answer = connection.last_answer();
    Answer { took: asked.elapsed(), ..answer }
}

/// Makes one request on its own connection, and returns all bytes until the server closes or resets it.
pub fn ask_raw(address: SocketAddr, request: impl Into<Request>) -> String {
    let mut connection = Connection::to(address);
    connection.send(request.into().close());
    connection.rest_or_part()
}
