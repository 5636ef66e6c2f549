//! The binary: settings, log, [`backend_service::run`].

use std::process::ExitCode;

use backend_service::config::Config;
use service_edge::{Settings, exit_code, exit_on_bad_settings, logging};

#[actix_web::main]
async fn main() -> ExitCode {
    let config = exit_on_bad_settings(Config::read(&mut Settings::from_env()));
    logging::init(&config.common);
    exit_code(backend_service::run(config).await)
}
