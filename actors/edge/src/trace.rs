//! One call, followed through all services: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
//!
//! A trace is a call and all that was done for it; a span is one piece of that work. Who makes a
//! request names both in its `traceparent` header; who gets it logs them, and names the same trace,
//! with spans of its own, in the requests that it makes in turn.
//!
//! What belongs to a trace is logged at info if its caller says that it is [sampled](TraceContext::is_sampled), and at
//! debug otherwise: nobody else asks for a line a call. The decision goes along with the trace, so that all services
//! log the same calls.

use std::{
    fmt,
    future::{Ready, ready},
    str,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use log::Level;

/// The header's name.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Bit 0 of the flags: the caller records this trace.
const SAMPLED: u8 = 1;

/// The length of a header of version 00.
const LENGTH: usize = 55;

/// A trace, and a span of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero.
    trace: u128,
    /// Never zero.
    span: u64,
    sampled: bool,
}

impl TraceContext {
    /// Begins a trace, which is not sampled.
    pub fn mint() -> Self {
        Self { trace: random(rand::random), span: random(rand::random), sampled: false }
    }

    /// Reads a header's value; none if it is not valid. Of versions to come, the part that they
    /// have in common with version 00 is read (section 3.2.4).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = (value.get(..LENGTH)?, value.get(LENGTH..)?);
        let dashes = [version[2], version[35], version[52]];
        if dashes != [b'-'; 3] {
            return None;
        }
        match hex(&version[..2])? {
            0 if rest.is_empty() => {}
            0 | 0xff => return None,
            _ if rest.is_empty() || rest[0] == b'-' => {}
            _ => return None,
        }
        let trace = hex(&version[3..35])?;
        let span = u64::try_from(hex(&version[36..52])?).ok()?;
        let flags = u8::try_from(hex(&version[53..55])?).ok()?;
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// What a request's headers say; none if they say nothing valid, or several things.
    pub fn received(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        Self::parse(value.as_bytes())
    }

    /// Another span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: random(rand::random), ..self }
    }

    /// The same, not sampled.
    #[must_use]
    pub fn unsampled(self) -> Self {
        Self { sampled: false, ..self }
    }

    /// Whether this trace is to be recorded.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }

    /// The level at which to log what belongs to it.
    pub fn level(self) -> Level {
        if self.sampled { Level::Info } else { Level::Debug }
    }

    /// 32 hexadecimal digits, for the log's `trace_id`.
    pub fn trace_id(self) -> impl fmt::Display {
        Hex::<32>(self.trace)
    }

    /// 16 hexadecimal digits, for the log's `span_id`.
    pub fn span_id(self) -> impl fmt::Display {
        Hex::<16>(self.span.into())
    }

    /// The header's value.
    pub fn header(self) -> HeaderValue {
        let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(self.trace, &mut value[3..35]);
        write_hex(self.span.into(), &mut value[36..52]);
        write_hex(self.sampled.into(), &mut value[53..]);
        // Digits and dashes are a valid value.
        HeaderValue::from_bytes(&value).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// Zero is no identifier.
fn random<T: Default + PartialEq>(mut draw: impl FnMut() -> T) -> T {
    loop {
        let drawn = draw();
        if drawn != T::default() {
            return drawn;
        }
    }
}

/// Lower case only, as the specification demands.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// The two hexadecimal digits of each byte.
const DIGITS: [[u8; 2]; 256] = {
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < 256 {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// Writes as many of the lowest digits as there is room for: an even number.
fn write_hex(number: u128, into: &mut [u8]) {
    let bytes = number.to_be_bytes();
    let bytes = &bytes[bytes.len() - into.len() / 2..];
    for (pair, byte) in into.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = DIGITS[usize::from(*byte)];
    }
}

struct Hex<const DIGITS: usize>(u128);

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [b'0'; DIGITS];
        write_hex(self.0, &mut digits);
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}

/// An extractor: the trace that a request belongs to. Without a valid `traceparent` it begins one.
#[derive(Debug, Clone, Copy)]
pub struct Trace {
    /// The span that the caller names as its own, or the first of a new trace.
    pub context: TraceContext,
    /// Whether the caller named it.
    pub received: bool,
}

impl Trace {
    /// The span of the work on this request: a new one, unless it began the trace. For the service
    /// that users talk to.
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
#[path = "trace_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "trace_props.rs"]
mod props;
