//! Tells a connection what its requests are doing: a service around the application.

mod active_request;
mod request_body;
mod response_body;
mod service;

pub use request_body::limit_body_pauses;
pub use response_body::mark_expendable;
pub(crate) use service::TrackRequests;
