//! A request that a handler works on.

use std::rc::Rc;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use crate::connections::connection::{BodyFraming, Connection};

/// A request that a handler works on. The request ends when this is dropped.
pub(super) struct ActiveRequest(Rc<Connection>);

impl ActiveRequest {
    /// Begins a request with these headers.
    pub(super) fn begin(connection: Rc<Connection>, headers: &HeaderMap) -> Self {
        connection.begin_request(body_framing(headers));
        Self(connection)
    }

    pub(super) fn connection(&self) -> &Rc<Connection> {
        &self.0
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// How the body is delimited. `None` if the request has no body.
fn body_framing(headers: &HeaderMap) -> Option<BodyFraming> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(BodyFraming::Chunked);
    }
    let length = headers.get(CONTENT_LENGTH).filter(|length| *length != "0");
    length.map(|_| BodyFraming::ContentLength)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::tracker::tests::{connections, open};

    #[test]
    fn bytes_received_during_a_request_do_not_count_as_a_head() {
        let connections = connections(1, 1);
        let connection = Rc::new(open(&connections));
        connection.count_received(7);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (7, true));
        let request = ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new());
        connection.count_received(9);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (0, false));
        drop(request);
        assert!(connection.is_idle() && connection.may_read());
    }

    #[test]
    fn a_request_after_an_event_stream_makes_its_connection_count_again() {
        let connections = connections(1, 1);
        let connection = Rc::new(open(&connections));
        drop(ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new()));
        connection.set_expendable(true);
        connection.set_expendable(true);
        assert_eq!(connections.counts().expendable, 1);
        let _request = ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new());
        assert_eq!(connections.counts().expendable, 0);
    }
}
