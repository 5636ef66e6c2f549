//! The HTTP edge of the lab's services: settings, log, metrics, HTTP server, errors and shutdown.
//!
//! Both services use this crate, so that they behave alike. It knows nothing of circuit breakers, retries or faults.
//!
//! | module | role |
//! |---|---|
//! | `drain` | the switch that begins the shutdown: [`Drain`] |
//! | `config` | settings from environment variables |
//! | `telemetry` | [`logging`], [`mod@metrics`] and [`trace`] headers |
//! | `process` | command line, signals, exit codes, file descriptors |
//! | `http` | routes ([`app()`], [`endpoint()`]) and their OpenAPI document, [`JsonBody`], [`RequestDeadline`], [`ApiError`], the check of the [`AdminToken`] |
//! | `server` | the [`Server`]: a guarded server ([`actix_connection_guard`]) that reports its metrics and shuts down |
//!
//! Each module uses only modules above it.
//!
//! A service's `main` is [`run_service`], which awaits a function that calls [`serve`]:
//!
//! ```no_run
//! use actix_web::HttpResponse;
//! use service_edge::{CommonSettings, Drain, Metrics, Program, Routes, Settings, endpoint};
//!
//! const PROGRAM: Program = Program {
//!     service: "echo",
//!     version: "1.0.0",
//!     about: "Answers",
//!     default_port: 5000,
//!     meanings: &[],
//!     commands: &[],
//! };
//!
//! async fn run(common: CommonSettings) -> std::io::Result<()> {
//!     let (drain, metrics) = (Drain::new(), Metrics::new(PROGRAM.version));
//!     let routes = |routes: &mut Routes<'_>| {
//!         routes.service(endpoint("/health").get(HttpResponse::Ok, |it| it.summary("Health.")));
//!     };
//!     service_edge::serve(PROGRAM.service, &common, drain, metrics, routes).await
//! }
//!
//! #[actix_web::main]
//! async fn main() -> std::process::ExitCode {
//!     let read = |settings: &mut Settings<'_>| CommonSettings::read(settings, PROGRAM.default_port);
//!     service_edge::run_service(&PROGRAM, read, |common| common, run).await
//! }
//! ```

mod clock;
mod config;
mod drain;
mod http;
mod panic_message;
mod process;
mod server;
mod telemetry;
mod untrusted_text;

pub use actix_connection_guard::{limit_body_pauses, mark_expendable};
pub use config::{
    AdminToken, CommonSettings, KnownNames, Limit, LogFormat, MAX_TOKEN, SettingError, Settings,
    UNSET, decimal,
};
pub use drain::Drain;
pub use http::{
    Aborted, ApiError, CSS, Describe, Endpoint, HTML, JAVASCRIPT, JsonBody, MAX_BODY_BYTES,
    MAX_DEADLINE, Operation, REQUEST_DEADLINE, RequestDeadline, Routes, StaticFile, abort, app,
    endpoint, header, retry_after, unreadable,
};
pub use process::{
    Capacity, CapacityRequest, Hangups, OwnCommand, Program, exit_code, run_service,
};
pub use server::{Server, serve};
pub use telemetry::{
    logging,
    metrics::{self, Metrics},
    trace::{self, Trace, TraceContext},
};
