//! A request that a handler works on.

use std::rc::Rc;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use super::connection::{BodyFraming, Connection};

/// A request that a handler works on. The request ends when this is dropped.
pub(crate) struct ActiveRequest(Rc<Connection>);

impl ActiveRequest {
    /// Begins a request with these headers.
    pub(crate) fn begin(connection: Rc<Connection>, headers: &HeaderMap) -> Self {
        connection.begin_request(body_framing(headers));
        Self(connection)
    }

    pub(crate) fn connection(&self) -> &Connection {
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
    use crate::connections::{
        limits::ConnectionLimits,
        tracker::{Admission, ConnectionTracker},
    };

    fn connection(tracker: &ConnectionTracker) -> Rc<Connection> {
        match tracker.admit() {
            Admission::Served(connection) => Rc::new(connection),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bytes_during_a_request_are_not_those_of_a_head() {
        let tracker = ConnectionTracker::new(ConnectionLimits { served: 1, screened: 1 });
        let connection = connection(&tracker);
        connection.count_received(7);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (7, true));
        let request = ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new());
        connection.count_received(9);
        assert_eq!((connection.unclaimed_bytes(), connection.may_read()), (0, false));
        drop(request);
        assert!(connection.is_idle() && connection.may_read());
    }

    #[test]
    fn a_request_after_a_stream_makes_its_connection_count_again() {
        let tracker = ConnectionTracker::new(ConnectionLimits { served: 1, screened: 1 });
        let connection = connection(&tracker);
        drop(ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new()));
        connection.set_expendable(true);
        connection.set_expendable(true);
        assert_eq!(tracker.counts.expendable(), 1);
        let _request = ActiveRequest::begin(Rc::clone(&connection), &HeaderMap::new());
        assert_eq!(tracker.counts.expendable(), 0);
    }
}
