//! The log: one record is one line on stderr, as text or JSON. A stderr that is not read delays no caller: lines go
//! through a bounded queue.

pub(crate) mod actix_reports;
mod line;
mod line_writer;
mod queue;
mod setup;
pub(crate) mod stderr;

pub use setup::init;
