//! The client service's process.

use std::process::ExitCode;

use client_service::Config;
use service_edge::{Settings, exit_code, exit_on_bad_settings, logging};

#[actix_web::main]
async fn main() -> ExitCode {
    let config = exit_on_bad_settings(Config::read(&mut Settings::from_env()));
    logging::init(&config.common);
    exit_code(client_service::run(config).await)
}
