//! HTTP: the stack around a service's routes, request bodies, and JSON errors.

pub(crate) mod abort;
pub(crate) mod api_error;
pub(crate) mod app;
pub(crate) mod deadline;
pub(crate) mod endpoint;
pub(crate) mod json_body;
mod middleware;
pub(crate) mod openapi;
pub(crate) mod routes;
mod standard_routes;
pub(crate) mod static_file;

pub use abort::{Aborted, abort};
pub use api_error::ApiError;
pub use app::app;
pub use deadline::{MAX_DEADLINE, REQUEST_DEADLINE, RequestDeadline};
pub use endpoint::{Endpoint, endpoint};
pub use json_body::{JsonBody, MAX_BODY_BYTES, unreadable};
pub use openapi::{
    answers::{header, retry_after},
    operation::{Describe, Operation},
};
pub use routes::Routes;
pub use static_file::{CSS, HTML, JAVASCRIPT, StaticFile};
