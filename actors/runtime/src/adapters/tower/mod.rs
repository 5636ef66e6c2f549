//! A layer for tower services: circuit breaker and limits for users of hyper, tonic and reqwest, in processes without
//! actix too.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use resilience_actors::{
//!     Breaker, CallError, Concurrency, Upstream,
//!     adapters::tower::{HttpStatus, ResilienceLayer},
//! };
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let payments = Upstream::builder("payments")
//!     .breaker(Breaker::failure_rate(0.5).over(Duration::from_secs(60)).at_least(20))
//!     .concurrency(Concurrency::at_most(100).queue(200).wait(Duration::from_secs(1)))
//!     .timeout(Duration::from_secs(3))
//!     .start_in_background()?;
//! let layer = ResilienceLayer::new(&payments)?.classify(HttpStatus);
//!
//! # let client = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
//! // A hyper, tonic or reqwest client.
//! let client = layer.layer(client);
//! match client.oneshot(Request::new(())).await {
//!     Ok(response) => assert!(response.status().is_success()),
//!     Err(CallError::Rejected(rejection)) => println!("come back in {:?}", rejection.retry_after()),
//!     Err(error) => println!("{error}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! - **One request is one call of one attempt.** It passes the same gates as a call of [`Upstream::call`], in the same
//!   order, and observers, log lines and counts have the same of it. Retries and hedges are the work of other layers,
//!   outside of this one, and [`ResilienceLayer::new`] refuses an upstream that has them. Those that
//!   [`reconfigure`](crate::Upstream::reconfigure) adds later have no effect in the layer, and so has fault injection.
//! - **The service is ready when the inner one is.** The future of a request waits for its token and its place.
//!   Meanwhile it holds the inner service that was ready. An error of the inner service before it is ready is no
//!   request: it passes through, and counts for nothing.
//! - **What counts** is decided by a [`Classify`], by default [`OkIsSuccess`].
//! - **An attempt ends with the inner future**, or at the upstream's timeout. For an HTTP client this is the head of
//!   the response: the permit and the place do not cover its body.
//! - **A dropped future** gives all back, and says nothing about the upstream. So a timeout outside of the layer hides
//!   a hanging upstream from the breaker: use the upstream's own, or a [slow rate](crate::Breaker::slow_rate), which
//!   counts a request as soon as it is slow.
//! - **A panic of the inner service** is contained: the request fails with [`CallError::Panicked`], which counts.
//! - **The error** is a [`CallError`]: [`Rejected`](crate::CallError::Rejected) by a gate, or
//!   [`Transport`](crate::CallError::Transport) with the inner service's own error. tower's and tonic's boxes of errors
//!   can be downcast to it.
//!
//! Futures are `Send` and need a tokio runtime, of any kind. The breaker needs an actix system:
//! [`start_in_background`](crate::UpstreamBuilder::start_in_background) has one for processes without.
//!
//! [`Upstream::call`]: crate::Upstream::call
//! [`CallError`]: crate::CallError
//! [`CallError::Panicked`]: crate::CallError::Panicked

mod call;
mod classify;
mod http_status;
mod in_progress;
mod layer;
mod shared;

pub use classify::{Classify, OkIsSuccess};
pub use http_status::HttpStatus;
pub use layer::{Resilience, ResilienceLayer};
