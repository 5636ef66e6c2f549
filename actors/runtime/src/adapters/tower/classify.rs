//! What the results of a tower service say about the upstream.

use crate::{
    options::CallOptions,
    outcome::{Outcome, Verdict},
};

/// Reads the requests and results of a tower service. A closure from a result to a [`Verdict`] or an [`Outcome`] is
/// enough if all requests have the same options. It must name the type of the result:
///
/// ```
/// # use resilience_actors::{Outcome, adapters::tower::Classify};
/// # fn classifier<Request>() -> impl Classify<Request, u16, std::io::Error> {
/// |result: &Result<u16, std::io::Error>| match result {
///     Ok(_) => Outcome::Success,
///     Err(_) => Outcome::Unreachable,
/// }
/// # }
/// # let _ = classifier::<()>();
/// ```
pub trait Classify<Request, Response, Error>: Send + Sync + 'static {
    /// Says what a result means. A panic in it is a failure, as a panic of the service is.
    fn classify(&self, result: &Result<Response, Error>) -> Verdict;

    /// What the caller says about this request: its priority, and how much time it has. Permission to retry has no
    /// effect. By default a request has [`CallOptions::new`], also if this panics.
    fn options(&self, request: &Request) -> CallOptions {
        let _ = request;
        CallOptions::new()
    }
}

impl<F, V, Request, Response, Error> Classify<Request, Response, Error> for F
where
    F: Fn(&Result<Response, Error>) -> V + Send + Sync + 'static,
    V: Into<Verdict>,
{
    fn classify(&self, result: &Result<Response, Error>) -> Verdict {
        self(result).into()
    }
}

/// The default: `Ok` is a success, `Err` a failure of the upstream.
#[derive(Debug, Clone, Copy, Default)]
pub struct OkIsSuccess;

impl<Request, Response, Error> Classify<Request, Response, Error> for OkIsSuccess {
    fn classify(&self, result: &Result<Response, Error>) -> Verdict {
        if result.is_ok() { Outcome::Success } else { Outcome::ServerError }.into()
    }
}
