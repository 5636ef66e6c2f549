//! The connections of a server: how many there are, what each is doing, and how long the shutdown waits for them.
//!
//! An event stream ends when [`Drain::started`](crate::Drain::started) resolves. If its client does not read, the
//! response is not polled and its last bytes stay unsent. Its connection would delay the shutdown until the kernel
//! gives up or `SHUTDOWN_TIMEOUT` is over. So the handler of such a stream marks its connection as [`expendable`].

pub(crate) mod active_request;
pub(crate) mod connection;
mod counts;
mod event_stream;
pub(crate) mod limits;
mod refusals;
pub(crate) mod request_body;
mod shutdown;
pub(crate) mod tracker;

pub use event_stream::{EventStream, expendable};
