//! What the lab's services put around their actors at the HTTP edge.
//!
//! Both services read their settings, write their logs, answer their errors and end their lives in
//! the same way; this crate is that way, so that neither service has its own. It knows nothing of
//! circuit breakers, retries or faults.
//!
//! | module | role |
//! |---|---|
//! | [`settings`] | typed reader over the environment, or over a test's map |
//! | [`common`] | the settings that both services have |
//! | `near_misses` | variables that look like settings but are none |
//! | [`logging`] | one record, one line; text or JSON |
//! | `log_queue` | the bounded queue and the thread through which lines reach stderr |
//! | [`error`] | every refusal is JSON with `error` and `message` |
//! | [`json`] | request bodies: bounded, optional, strictly typed |
//! | [`auth`] | the admin token, without which nothing is changed |
//! | [`endpoint()`] | a path that refuses wrong methods with a body |
//! | `around` | what is around every request: a handler's panic costs it and nobody else |
//! | [`abort()`] | closing a connection without a byte |
//! | [`mod@metrics`] | what is counted, and `GET /metrics` |
//! | [`trace`] | W3C `traceparent`: one call, followed through all services |
//! | [`drain`] | the one-way switch from serving to ending |
//! | [`connections`] | their places, what each is doing, those that the end does not wait for |
//! | `admission` | who gets a place, and what becomes of the others |
//! | `bounded` | what a peer can make the process hold, in time and in memory |
//! | `descriptors` | shares the file descriptors out to connections and calls |
//! | `listen`, `door` | the server: the door, the bounds, the app |
//! | [`app()`] | the stack of all of the above, the same in tests and in production |
//! | [`cli`] | what the binary can be asked for besides serving |
//! | `signals` | those that must not end the process |
//! | [`lifecycle`] | bind, serve, drain on SIGTERM |
//!
//! A service's `main` is signals, settings, logging, and [`serve`]:
//!
//! ```no_run
//! use actix_web::{HttpResponse, web};
//! use service_edge::{CommonSettings, Drain, Metrics, Settings};
//!
//! #[actix_web::main]
//! async fn main() -> std::process::ExitCode {
//!     service_edge::ignore_stray_signals();
//!     let mut settings = Settings::from_env();
//!     let common = service_edge::exit_on_bad_settings(CommonSettings::read(&mut settings, 5000));
//!     service_edge::logging::init(&common);
//!     log::info!("settings: {}", settings.summary());
//!     let (drain, metrics) = (Drain::new(), Metrics::new("1.0.0"));
//!     let served = service_edge::serve("echo", &common, drain, metrics, |config: &mut web::ServiceConfig| {
//!         config.service(service_edge::endpoint("/health").get(HttpResponse::Ok));
//!     });
//!     service_edge::exit_code(served.await)
//! }
//! ```

mod admission;
mod bounded;
pub mod cli;
mod clock;
mod config;
pub mod connections;
mod descriptors;
mod door;
pub mod drain;
mod http;
pub mod lifecycle;
mod listen;
mod panic_message;
#[cfg(test)]
mod props;
mod signals;
mod telemetry;
mod untrusted_text;

pub use cli::other_than_serving;
pub use config::{
    AdminToken, CommonSettings, KnownNames, Limit, LogFormat, MAX_TOKEN, SettingError, Settings,
};
pub use descriptors::{Shares, Wanted};
pub use drain::Drain;
pub use http::{ApiError, BODY_TIMEOUT, Endpoint, JsonBody, MAX_BODY_BYTES, abort, app, endpoint};
pub use lifecycle::{Server, exit_code, exit_on_bad_settings, serve};
pub use signals::ignore_stray_signals;
pub use telemetry::{
    logging,
    metrics::{self, Metrics},
    trace::{self, Trace, TraceContext},
};
