//! The process: command line, signals, exit codes and file descriptors.

mod command_line;
mod exit;
pub(crate) mod file_descriptors;
mod hangups;
mod healthcheck;
mod own_command;
mod run_service;
pub(crate) mod shutdown_signals;
mod stray_signals;

pub use command_line::Program;
pub use exit::exit_code;
pub use file_descriptors::{Capacity, CapacityRequest};
pub use hangups::Hangups;
pub use own_command::OwnCommand;
pub use run_service::run_service;
