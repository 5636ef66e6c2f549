//! The process: command line, signals, exit codes and file descriptors.

mod command_line;
mod exit;
pub(crate) mod file_descriptors;
mod healthcheck;
pub(crate) mod shutdown_signals;
mod stray_signals;

pub use command_line::{Program, handle_arguments};
pub use exit::{exit_code, exit_on_bad_settings};
pub use file_descriptors::{Capacity, CapacityRequest};
pub use stray_signals::ignore_stray_signals;
