//! A span, and its form in OTLP: <https://opentelemetry.io/docs/specs/otlp/>, in JSON. The names of attributes are
//! those of OpenTelemetry's semantic conventions for HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use service_edge::TraceContext;
use tokio::time::Instant;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// What a span is of. The values are those of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The work on a request of a caller.
    Server = 2,
    /// A request to an upstream.
    Client = 3,
}

/// A piece of work.
#[derive(Debug, Clone)]
pub struct Span {
    kind: Kind,
    context: TraceContext,
    parent: Option<TraceContext>,
    name: String,
    began: SystemTime,
    since: Instant,
    elapsed: Duration,
    attributes: Vec<(&'static str, Value)>,
    error: Option<String>,
}

impl Span {
    /// A span that begins now.
    pub fn new(
        kind: Kind,
        context: TraceContext,
        parent: Option<TraceContext>,
        name: String,
    ) -> Self {
        Self {
            kind,
            context,
            parent,
            name,
            began: SystemTime::now(),
            since: Instant::now(),
            elapsed: Duration::ZERO,
            attributes: Vec::new(),
            error: None,
        }
    }

    /// Adds an attribute: a string or a whole number.
    pub fn set(&mut self, key: &'static str, value: Value) {
        self.attributes.push((key, value));
    }

    /// Ends now, with the status of an answer.
    #[must_use]
    pub fn answered(mut self, status: u16) -> Self {
        self.set("http.response.status_code", status.into());
        let least = if self.kind == Kind::Server { 500 } else { 400 };
        if status >= least {
            self.set("error.type", status.to_string().into());
            self.error = Some(String::new());
        }
        self.ended()
    }

    /// Ends now, without an answer.
    #[must_use]
    pub fn failed(mut self, reason: String) -> Self {
        self.set("error.type", "_OTHER".into());
        self.error = Some(reason);
        self.ended()
    }

    fn ended(mut self) -> Self {
        self.elapsed = self.since.elapsed();
        self
    }

    /// The span as a `Span` of OTLP.
    pub fn as_otlp(&self) -> Value {
        let begin = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut span = json!({
            "traceId": self.context.trace_id().to_string(),
            "spanId": self.context.span_id().to_string(),
            "name": self.name,
            "kind": self.kind as u8,
            // 64-bit integers are strings.
            "startTimeUnixNano": begin.as_nanos().to_string(),
            "endTimeUnixNano": (begin + self.elapsed).as_nanos().to_string(),
            "attributes": attributes(&self.attributes),
        });
        if let Some(parent) = self.parent {
            span["parentSpanId"] = parent.span_id().to_string().into();
        }
        if let Some(message) = &self.error {
            span["status"] = json!({ "code": ERROR, "message": message });
        }
        span
    }
}

/// A list of `KeyValue`. Values are strings and whole numbers.
pub fn attributes(attributes: &[(&'static str, Value)]) -> Value {
    let attribute = |(key, value): &(&'static str, Value)| match value {
        Value::Number(number) => {
            json!({ "key": key, "value": { "intValue": number.to_string() } })
        }
        text => json!({ "key": key, "value": { "stringValue": text } }),
    };
    attributes.iter().map(attribute).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(text: &str) -> TraceContext {
        TraceContext::parse(text.as_bytes()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_span_has_the_form_of_otlp() {
        let caller = context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let work = context("00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
        let mut span = Span::new(Kind::Client, work, Some(caller), "GET".to_owned());
        span.began = UNIX_EPOCH + Duration::from_secs(7);
        span.set("http.request.resend_count", 1.into());
        tokio::time::advance(Duration::from_millis(1500)).await;
        let expected = json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": "00000000000000ab",
            "parentSpanId": "00f067aa0ba902b7",
            "name": "GET",
            "kind": 3,
            "startTimeUnixNano": "7000000000",
            "endTimeUnixNano": "8500000000",
            "attributes": [
                { "key": "http.request.resend_count", "value": { "intValue": "1" } },
                { "key": "http.response.status_code", "value": { "intValue": "404" } },
                { "key": "error.type", "value": { "stringValue": "404" } },
            ],
            "status": { "code": 2, "message": "" },
        });
        assert_eq!(span.answered(404).as_otlp(), expected);
    }

    #[tokio::test]
    async fn a_refused_request_is_no_error_of_the_server() {
        let root = context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let span = |status| {
            Span::new(Kind::Server, root, None, "GET /".to_owned()).answered(status).as_otlp()
        };
        assert_eq!(span(404).get("status"), None);
        assert_eq!(span(404).get("parentSpanId"), None);
        assert_eq!(span(503)["status"]["code"], 2);
        let cut = Span::new(Kind::Server, root, None, String::new()).failed("gone".to_owned());
        assert_eq!(cut.as_otlp()["status"], json!({ "code": 2, "message": "gone" }));
    }
}
