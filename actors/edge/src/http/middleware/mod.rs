//! Middleware around requests.

pub(super) mod admin_auth;
pub(super) mod count_requests;
pub(super) mod request_middleware;
