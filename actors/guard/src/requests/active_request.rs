//! A request that a handler works on.

use std::rc::Rc;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use crate::connections::{connection::Connection, unread_body::UnreadBody};

/// A request that a handler works on. The request ends when this is dropped.
pub(super) struct ActiveRequest(Rc<Connection>);

impl ActiveRequest {
    /// Begins a request with these headers.
    pub(super) fn begin(connection: Rc<Connection>, headers: &HeaderMap) -> Self {
        connection.begin_request(body(headers));
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

/// The body that follows a head with these headers.
fn body(headers: &HeaderMap) -> Option<UnreadBody> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(UnreadBody::chunked());
    }
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    (length > 0).then(|| UnreadBody::sized(length))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::connections::tracker::tests::{connections, open};

    #[test]
    fn bytes_received_during_a_request_do_not_count_as_a_head() {
        let connections = connections(1, 1);
        let connection = Rc::new(open(&connections));
        connection.count_received(&[0; 7]);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (7, true));
        let request = ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new());
        connection.count_received(&[0; 9]);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (0, false));
        drop(request);
        assert!(connection.is_idle() && connection.may_read());
    }

    #[test]
    fn only_a_body_that_a_handler_reads_is_read_in_large_steps() {
        let connections = connections(1, 1);
        let connection = Rc::new(open(&connections));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("200000"));
        let _request = ActiveRequest::begin(Rc::clone(&connection), &headers);
        assert_eq!(connection.read_step(), 512);
        connection.set_body_wanted(true);
        assert_eq!(connection.read_step(), 131_072);
        connection.body_was_read();
        assert_eq!(connection.read_step(), 512);
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
