//! The binary: settings, log, [`backend_service::run`].

use std::{env, process::ExitCode};

use backend_service::{
    SERVICE,
    config::{Config, DEFAULT_PORT},
};
use service_edge::{
    Program, Settings, exit_code, exit_on_bad_settings, handle_arguments, ignore_stray_signals,
    logging,
};

const PROGRAM: Program = Program {
    service: SERVICE,
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    default_port: DEFAULT_PORT,
};

#[actix_web::main]
async fn main() -> ExitCode {
    ignore_stray_signals();
    if let Some(code) = handle_arguments(&PROGRAM, env::args_os().skip(1)) {
        return code;
    }
    let config = exit_on_bad_settings(Config::read(&mut Settings::from_env()));
    logging::init(&config.common);
    exit_code(backend_service::run(config).await)
}
