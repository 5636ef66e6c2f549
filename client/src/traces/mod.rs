//! Spans: one for each request of a caller, and one for each attempt below it.
//!
//! | module | role |
//! |---|---|
//! | [`span`](mod@span) | a span, and its form in OTLP |
//! | [`queue`](mod@queue) | the spans that are not yet sent |
//!
//! Spans go into one queue of the process, as log lines go into one log. [`trace_export`](crate::trace_export) sends
//! them.

pub mod queue;
pub mod span;

use std::{fmt::Display, sync::OnceLock};

use actix_web::http::StatusCode;
use rand::RngExt as _;
use service_edge::{Trace, TraceContext};

use queue::Queue;
use span::{Kind, Span};

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts to record spans. `share`, from 0 to 1, of the traces that begin here are sampled. Returns the queue of the
/// process. A later call changes nothing.
pub fn start(share: f64) -> &'static Queue {
    QUEUE.get_or_init(|| Queue::new(share))
}

/// The queue of the process. `None` if no spans are recorded.
fn queue() -> Option<&'static Queue> {
    QUEUE.get()
}

/// Maximum length in bytes of an attribute that a caller chooses.
const MAX_TEXT: usize = 256;

/// The first bytes of a text that a caller chooses, so that a span has a bounded size.
pub fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// The name of a method. Callers can make up others, which OpenTelemetry's conventions have as one.
fn known(method: &str) -> &str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    if known.contains(&method) { method } else { "_OTHER" }
}

/// A span that goes on. It ends when it is dropped, which is an error of the span unless [`Recording::end`] was called.
#[derive(Debug)]
pub struct Recording(Option<Box<Span>>);

/// Begins the work on a request. Returns its span, and the recording of that, named `METHOD ROUTE`. If the caller has
/// named no trace, the new one is sampled by chance.
pub fn enter(trace: Trace, method: &str, route: &str) -> (TraceContext, Recording) {
    let context = trace.enter();
    let Some(queue) = queue() else { return (context, Recording(None)) };
    let context = if trace.received || !rand::rng().random_bool(queue.share()) {
        context
    } else {
        context.sampled()
    };
    let parent = trace.received.then_some(trace.context);
    let method = known(method);
    let span = || Span::new(Kind::Server, context, parent, format!("{method} {route}"));
    let mut recording = Recording::of(context, span);
    recording.set("http.request.method", || method.into());
    (context, recording)
}

/// Begins an attempt of a call.
pub fn attempt(call: TraceContext, context: TraceContext, number: u32, method: &str) -> Recording {
    Recording::of(context, || {
        let method = known(method);
        let mut span = Span::new(Kind::Client, context, Some(call), method.to_owned());
        span.set("http.request.method", method.into());
        span.set("http.request.resend_count", i64::from(number.saturating_sub(1)).into());
        span
    })
}

impl Recording {
    fn of(context: TraceContext, span: impl FnOnce() -> Span) -> Self {
        let recorded = context.is_sampled() && queue().is_some();
        Self(recorded.then(|| Box::new(span())))
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl FnOnce() -> serde_json::Value) {
        if let Some(span) = &mut self.0 {
            span.set(key, value());
        }
    }

    /// Ends the span with the status of its answer. Statuses from 500 on are errors; of an attempt, those from 400 on.
    pub fn end(self, status: StatusCode) {
        self.end_with(Ok::<_, &str>(status));
    }

    /// Ends the span with the status of its answer, or with the reason why there is none.
    pub fn end_with(mut self, answered: Result<StatusCode, impl Display>) {
        if let Some(span) = self.0.take() {
            finish(match answered {
                Ok(status) => span.answered(status.as_u16()),
                Err(reason) => span.failed(reason.to_string()),
            });
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Some(span) = self.0.take() {
            finish(span.failed("dropped before its end".to_owned()));
        }
    }
}

fn finish(span: Span) {
    if let Some(queue) = queue() {
        queue.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_chooses_has_a_bounded_size() {
        assert_eq!(bounded("/a"), "/a");
        assert_eq!(bounded(&"ä".repeat(1_000)).len(), MAX_TEXT);
        assert_eq!(bounded(&format!("a{}", "ä".repeat(1_000))).len(), MAX_TEXT - 1);
        assert_eq!([known("PATCH"), known("MADEUP")], ["PATCH", "_OTHER"]);
    }
}
