//! Streams of server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), which end when the
//! process does.

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use futures::{Stream, StreamExt as _};
use service_edge::Drain;

/// True if the body of an answer with these headers is a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// Ends `stream` when the shutdown begins. Its reader connects again, and ignores an event without its end.
pub(super) fn until_shutdown<S: Stream>(
    stream: S,
    drain: &Drain,
) -> impl Stream<Item = S::Item> + use<S> {
    let drain = drain.clone();
    stream.take_until(async move { drain.started().await })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_decides_whatever_its_case_and_its_parameters() {
        let typed = |kind: &str| [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
        for kind in ["text/event-stream", "Text/Event-Stream", "text/event-stream ; charset=utf-8"]
        {
            assert!(is_event_stream(&typed(kind)), "{kind}");
        }
        for kind in ["text/plain", "text/event-streams", "", "a; text/event-stream"] {
            assert!(!is_event_stream(&typed(kind)), "{kind}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }
}
