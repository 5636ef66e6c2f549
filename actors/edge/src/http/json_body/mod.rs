//! Request bodies: limited in size and time, optional, strictly typed.

mod extractor;
mod reader;

pub use extractor::JsonBody;
pub use reader::{BODY_TIMEOUT, MAX_BODY_BYTES};
