//! Makes HTTP requests with awc: [`Upstream::fetch`].
//!
//! ```
//! # use std::time::Duration;
//! # use resilience_actors::{Breaker, CallError, Retry, Upstream};
//! use resilience_actors::adapters::awc::{HttpClient, HttpError};
//!
//! # actix::System::new().block_on(async {
//! let shop = Upstream::builder("shop")
//!     .breaker(Breaker::consecutive(5))
//!     .retry(Retry::exponential(Duration::from_millis(10)).attempts(2))
//!     .timeout(Duration::from_secs(3))
//!     .start()?;
//! let client = HttpClient::new(|| awc::Client::builder().disable_timeout().finish());
//! let page = shop.fetch(&client, |client| client.get("http://localhost:1/prices")).await;
//! assert!(matches!(page, Err(CallError::Transport(HttpError::Unreachable(_)))));
//! # Ok::<(), resilience_actors::InvalidConfig>(())
//! # }).unwrap();
//! ```
//!
//! [`HttpRequest`] is for requests with a body, and for calls with [`CallOptions`](crate::CallOptions), a fallback or a
//! whole report.
//!
//! - [`Outcome`](crate::Outcome) says what follows from each status and error. A 4xx or 5xx is an answer, not an error,
//!   and a 304, which only a conditional request gets, is a success.
//! - A 2xx whose body is cut off or too large is an error. For other statuses the head decides, also if the body cannot
//!   be read. awc does not notice that a chunked body is cut off.
//! - `Retry-After` is a floor under the wait before a retry.
//! - The attempt after a timeout or a connection failure, and each trial of a half-open circuit, uses a fresh
//!   connection.
//! - awc does not say when it connects, so only its own connect timeout tells a slow connect from a slow response.
//! - awc returns an interim response (1xx) as the final one, which is unusable, and takes the body of an HTTP/1.1
//!   response as empty if it ends with the connection. After both, the connections of the pool are not used again, so
//!   that no request receives the rest as its response.

mod answer;
mod client;
mod error;
mod request;

pub use answer::Answer;
use awc::{Client, ClientRequest};
pub use client::HttpClient;
pub use error::{BodyError, HttpError, io_error};
pub use request::{HttpRequest, MAX_BODY, Response, insert_deadline};

use crate::{report::CallError, upstream::Upstream};

impl Upstream {
    /// Makes a request without a body: `make` returns it, once for each attempt. [The module](crate::adapters::awc)
    /// says what is a failure.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn fetch<F>(
        &self,
        client: &HttpClient,
        make: F,
    ) -> Result<Response, CallError<HttpError>>
    where
        F: Fn(&Client) -> ClientRequest + 'static,
    {
        self.run(HttpRequest::new(client, make)).await.result
    }
}
