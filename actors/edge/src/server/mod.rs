//! The HTTP server: it binds the address, serves, and shuts down. The limits of connections are those of the crate
//! [`actix_connection_guard`].

mod lifecycle;
mod listener;
mod shutdown;

pub use lifecycle::{Server, serve};
