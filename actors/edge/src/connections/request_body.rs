//! Lets the server read a request's body only while a handler wants it.

use std::rc::Rc;

use actix_web::HttpRequest;

use super::connection::Connection;

/// A handler that reads the body of its request. While this lives, the server reads the body from the socket; otherwise
/// the body waits in the kernel's buffer.
pub(crate) struct BodyReading(Rc<Connection>);

impl BodyReading {
    /// Begins to read the body of `request`. `None` without a [`Server`](crate::Server), as in tests.
    pub(crate) fn begin(request: &HttpRequest) -> Option<Self> {
        let connection = request.conn_data::<Rc<Connection>>()?;
        connection.set_body_wanted(true);
        Some(Self(Rc::clone(connection)))
    }

    /// The body was read to its end.
    pub(crate) fn complete(self) {
        self.0.body_was_read();
    }
}

impl Drop for BodyReading {
    fn drop(&mut self) {
        self.0.set_body_wanted(false);
    }
}
