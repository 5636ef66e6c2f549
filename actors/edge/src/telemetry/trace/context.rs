//! The trace context: parsing and writing `traceparent`.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use log::Level;

use super::hex::{Hex, parse_hex, write_hex};

/// The name of the header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Bit 0 of the flags: the client records this trace.
const SAMPLED: u8 = 1;

/// Length in bytes of a header of version 00.
const LENGTH: usize = 55;

/// A trace and one of its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero.
    trace: u128,
    /// Never zero.
    span: u64,
    sampled: bool,
}

impl TraceContext {
    /// Starts a trace that is not sampled.
    pub fn mint() -> Self {
        Self { trace: random(rand::random), span: random(rand::random), sampled: false }
    }

    /// Parses the value of a header. `None` if it is not valid. Of a later version, the part in the format of version
    /// 00 is read (section 3.2.4).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = (value.get(..LENGTH)?, value.get(LENGTH..)?);
        let dashes = [version[2], version[35], version[52]];
        if dashes != [b'-'; 3] {
            return None;
        }
        match parse_hex(&version[..2])? {
            0 if rest.is_empty() => {}
            0 | 0xff => return None,
            _ if rest.is_empty() || rest[0] == b'-' => {}
            _ => return None,
        }
        let trace = parse_hex(&version[3..35])?;
        let span = u64::try_from(parse_hex(&version[36..52])?).ok()?;
        let flags = u8::try_from(parse_hex(&version[53..55])?).ok()?;
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// The trace that a request's headers name. `None` without a valid header, or with several.
    pub fn received(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.as_bytes())
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: random(rand::random), ..self }
    }

    /// The same trace and span, not sampled.
    #[must_use]
    pub fn unsampled(self) -> Self {
        Self { sampled: false, ..self }
    }

    /// The same trace and span, sampled.
    #[must_use]
    pub fn sampled(self) -> Self {
        Self { sampled: true, ..self }
    }

    /// True if the client asks for this trace to be recorded.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }

    /// The level of log lines that belong to the trace.
    pub fn level(self) -> Level {
        if self.sampled { Level::Info } else { Level::Debug }
    }

    /// The trace as 32 hexadecimal digits: `trace_id` in the log.
    pub fn trace_id(self) -> impl fmt::Display {
        Hex::<32>(self.trace)
    }

    /// The span as 16 hexadecimal digits: `span_id` in the log.
    pub fn span_id(self) -> impl fmt::Display {
        Hex::<16>(self.span.into())
    }

    /// The value of the header.
    pub fn header(self) -> HeaderValue {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(self.trace, &mut value[3..35]);
        write_hex(self.span.into(), &mut value[36..52]);
        value[54] += u8::from(self.sampled);
        // Cannot fail: digits and dashes are valid in a header.
        HeaderValue::from_bytes(&value).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Draws until the value is not zero, because zero is no valid identifier.
fn random<T: Default + PartialEq>(mut draw: impl FnMut() -> T) -> T {
    loop {
        let drawn = draw();
        if drawn != T::default() {
            return drawn;
        }
    }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "context_props.rs"]
mod props;
