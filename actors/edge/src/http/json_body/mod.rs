//! Request bodies: limited in size and time, optional, strictly typed.

mod extractor;

pub(crate) use extractor::BODY_TIMEOUT;
pub use extractor::{JsonBody, MAX_BODY_BYTES, unreadable};
