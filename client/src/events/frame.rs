//! Server-Sent Events as text.
//!
//! Written by hand: the format is one line of `format!`, and `actix-web-lab` would render an event once for each
//! stream; this renders it once for all (`event_tests.rs` in the runtime).

use actix_web::web::{Bytes, BytesMut};
use resilience_actors::Event;
use serde::Serialize;

use super::EventStreams;

/// A comment line. It shows both sides that the connection is alive.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// A heartbeat with the id from which the reader shall resume. It is no event: it has no data.
pub(super) fn heartbeat_with_id(id: &str) -> Bytes {
    format!(": heartbeat\nid: {id}\n\n").into()
}

/// Tells a browser to reconnect 1 s after the end of a stream.
pub(super) const RETRY: &str = "retry: 1000\n\n";

/// An event of the log. Rendered once, for all streams.
pub(super) fn event(event: &Event, streams: &EventStreams) -> Bytes {
    event.rendered(|event| {
        let name = event.kind.event_type();
        render(Some(streams.id(event.sequence)), name.into(), event).into()
    })
}

/// A message that is not in the log and has no number: `hello`, `gap`.
pub(super) fn aside(name: &str, data: &impl Serialize) -> String {
    render(None, name, data)
}

/// The JSON has no line breaks, so it is one line of data.
fn render(id: Option<String>, name: &str, data: &impl Serialize) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    let data = serde_json::to_string(data).unwrap_or_else(|error| {
        log::error!("an event of type {name} cannot be written: {error}");
        "{}".to_owned()
    });
    format!("{id}event: {name}\ndata: {data}\n\n")
}

/// Joins the text of several events. The text of a single event is not copied.
pub(super) fn join(mut frames: Vec<Bytes>) -> Bytes {
    if frames.len() == 1 {
        return frames.remove(0);
    }
    let mut joined = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
    frames.iter().for_each(|frame| joined.extend_from_slice(frame));
    joined.freeze()
}
