//! The HTTP server: it binds the address, admits connections, limits each of them, and shuts down.

mod admission;
mod http_server;
mod lifecycle;
mod listener;
mod probe_detection;
mod shutdown;
mod socket_filter;
mod stream;

pub use lifecycle::{Server, serve};
