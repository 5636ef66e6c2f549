//! The process of the client service.

use std::process::ExitCode;

use client_service::{
    Config, SERVICE, commands::COMMANDS, config::DEFAULT_PORT, meanings::MEANINGS,
};
use service_edge::Program;

const PROGRAM: Program = Program {
    service: SERVICE,
    version: env!("CARGO_PKG_VERSION"),
    about: env!("CARGO_PKG_DESCRIPTION"),
    default_port: DEFAULT_PORT,
    meanings: &MEANINGS,
    commands: &COMMANDS,
};

#[actix_web::main]
async fn main() -> ExitCode {
    let run = client_service::run;
    service_edge::run_service(&PROGRAM, Config::read, |config| &config.common, run).await
}
