//! The extractor that gives handlers the trace of their request.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::context::TraceContext;

/// The trace that a request belongs to, as an extractor. Without a valid `traceparent`, a new trace.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// The client's span, or the first span of a new trace.
    pub context: TraceContext,
    /// True if the client named the trace.
    pub received: bool,
}

impl Trace {
    /// The span of the work on this request: a new span of the client's trace, or the first span of a new trace.
    pub fn enter(self) -> TraceContext {
        if self.received { self.context.child() } else { self.context }
    }
}

impl FromRequest for Trace {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let received = TraceContext::received(request.headers());
        let context = received.unwrap_or_else(TraceContext::mint);
        ready(Ok(Self { context, received: received.is_some() }))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::trace::TRACEPARENT;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[actix_web::test]
    async fn work_on_a_request_is_a_span_of_its_callers_trace() {
        let header = (TRACEPARENT, format!("00-{TRACE}-{SPAN}-00"));
        let request = TestRequest::default().insert_header(header).to_http_request();
        let trace = Trace::extract(&request).await.unwrap();
        assert!(trace.received);
        let work = trace.enter();
        assert_eq!(work.trace_id().to_string(), TRACE);
        assert_ne!(work.span_id().to_string(), SPAN);
        assert!(!work.is_sampled());

        let begun = Trace::extract(&TestRequest::default().to_http_request()).await.unwrap();
        assert!(!begun.received);
        assert_eq!(begun.enter(), begun.context);
        assert!(!begun.context.is_sampled(), "no client asked for it");
    }
}
