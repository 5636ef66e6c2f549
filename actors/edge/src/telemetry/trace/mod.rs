//! Trace headers: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
//!
//! A trace is a call and all work done for it; a span is one piece of that work. A client names both in the
//! `traceparent` header of its request. The service logs them, and names the same trace with new spans in the requests
//! that it makes for that work.
//!
//! Log lines of a trace have level info if the client says that it is
//! [sampled](TraceContext::is_sampled), and debug otherwise, so that a call without a trace adds no line. The flag
//! goes along with the trace, so that all services log the same calls.
//!
//! Written by hand: `opentelemetry` refuses flags that the specification says to ignore (`context_props.rs`).

mod context;
mod extractor;
mod hex;

pub use context::{TRACEPARENT, TraceContext};
pub use extractor::Trace;
