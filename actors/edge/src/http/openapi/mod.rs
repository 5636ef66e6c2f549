//! The OpenAPI document of a service, made from its registered endpoints, and the page that shows it.

pub(crate) mod answers;
pub(crate) mod document;
pub(crate) mod operation;
pub(crate) mod page;
pub(crate) mod path_template;
mod tidy;
