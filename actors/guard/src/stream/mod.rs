//! The stream of a connection, which bounds the time and the memory that a peer can make the process spend.
//!
//! actix-http limits the time of the first head of a connection only. It reads as far ahead as a peer sends (128 KiB,
//! or thousands of pipelined requests, decoded), and refuses invalid requests without a body. So this stream adds:
//!
//! - A request must begin within [`Limits::idle`](crate::Limits::idle) of the connection's start, or of the previous
//!   response. If its first bytes have arrived by then, the head has as long again, and is then answered with 408.
//! - The rest of a body that no handler reads is no request. It is discarded for as long as a connection may be idle,
//!   and then the connection ends: closing it at once would lose the response.
//! - More than [`Limits::head`](crate::Limits::head) bytes that make no request are answered with 431.
//! - While a handler works on a request, only a body that it wants is read. Anything else waits in the kernel's buffer.
//!   Nothing is read either while a response waits for its peer.
//! - actix-http's refusals without a request (400, 431 for more than 96 headers) get a body, unless a response before
//!   them has not been sent yet: its content could look like a refusal.
//! - A peer that takes nothing of its response for [`Limits::stall`](crate::Limits::stall) is dropped.
//!
//! The process may be stopped for a time (SIGSTOP, a suspended machine). When it continues, all limits are over before
//! the runtime has asked the kernel what has arrived. So the stream asks the socket itself before a limit counts.

mod bodyless_refusal;
mod bounded_stream;
mod close;
mod deadline;
mod read;
mod write;

pub(crate) use bounded_stream::BoundedStream;
