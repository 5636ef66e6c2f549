//! Connections with an open event stream.

use std::rc::Rc;

use actix_web::HttpRequest;

use super::connection::Connection;

/// Marks the connection of `request` as expendable: after a short grace time, the shutdown does not wait for its
/// remaining output. While the returned value lives, the connection is not idle, however long the stream sends nothing.
///
/// `None` without a [`Server`](crate::Server), as in tests.
#[must_use = "the connection is idle as soon as this is dropped"]
pub fn expendable(request: &HttpRequest) -> Option<EventStream> {
    let connection = request.conn_data::<Rc<Connection>>()?;
    connection.set_expendable(true);
    connection.set_streaming(true);
    Some(EventStream(Rc::clone(connection)))
}

/// An open event stream, which may send nothing for long. Keep it in the body of the response.
#[derive(Debug)]
pub struct EventStream(Rc<Connection>);

impl Drop for EventStream {
    fn drop(&mut self) {
        self.0.set_streaming(false);
        self.0.restart_idle_time();
    }
}
