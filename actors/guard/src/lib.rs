#![doc = include_str!("../README.md")]

mod admission;
mod connections;
mod limits;
mod listener;
mod probes;
mod refusal;
mod requests;
mod running;
mod server;
mod stream;

pub use connections::{Connections, Counts};
pub use limits::Limits;
pub use requests::{limit_body_pauses, mark_expendable};
pub use running::Running;
pub use server::GuardedServer;
