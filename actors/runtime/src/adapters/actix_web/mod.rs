//! Limits the requests to a server of one's own: [`Protect`].
//!
//! ```no_run
//! use std::time::Duration;
//! use actix_web::{App, HttpServer, web};
//! use resilience_actors::{CallLimit, Concurrency, Rate, Upstream, adapters::actix_web::Protect};
//!
//! # async fn page() -> &'static str { "hello" }
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let limits = Upstream::builder("server")
//!         .limit(CallLimit::new(1_000))
//!         .rate(Rate::per_second(500))
//!         .concurrency(Concurrency::adaptive(10..=200).queue(100).wait(Duration::from_secs(1)))
//!         .start()?;
//!     let protect = Protect::new(limits)?;
//!     let server = HttpServer::new(move || {
//!         let pages = web::scope("/pages").wrap(protect.clone()).route("", web::get().to(page));
//!         App::new().service(pages)
//!     });
//!     server.h1_allow_half_closed(false).bind(("127.0.0.1", 8080))?.run().await?;
//!     Ok(())
//! }
//! ```
//!
//! - The limits hold for all workers together, because they share the [`Upstream`](crate::Upstream): start it before
//!   the server.
//! - A request past the rate limit gets a 429, and one past the other limits a 503, both with `Retry-After` and a JSON
//!   body with `error` and `message`. One whose time is over gets a 504.
//! - A handler runs once. So [`Protect::new`] refuses policies that repeat a call or stop calling. Do not add them
//!   later with [`reconfigure`](crate::Upstream::reconfigure).
//! - A request holds its place until its handler has returned the head of the response, or until its client has left.
//!   The body is sent without a place.
//! - actix notices at once that a client has left only with
//!   [`h1_allow_half_closed(false)`](actix_web::HttpServer::h1_allow_half_closed).
//! - An adaptive limit learns from the time to the head of each response but a 5xx, and from handlers that do not end
//!   within the [`timeout`](crate::UpstreamBuilder::timeout).
//! - Leave probes and scrapes outside the scope that is wrapped, so that an overloaded server still answers them.

mod handling;
mod protect;
mod refusal;

pub use protect::{Protect, ProtectService};
