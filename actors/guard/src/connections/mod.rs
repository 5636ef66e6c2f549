//! The connections of a server: how many there are, and what each is doing.

pub(crate) mod bursts;
pub(crate) mod connection;
pub(crate) mod counts;
mod last_chunk;
mod last_requests;
pub(crate) mod tracker;
pub(crate) mod unread_body;

pub use counts::Counts;
pub use tracker::Connections;
