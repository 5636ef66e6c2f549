//! The addresses of names, looked up again and again.
//!
//! | module | role |
//! |---|---|
//! | `lookups` | looks names up, a few at a time |
//! | `refresher` | the actor that looks the names of an upstream up |

mod lookups;
mod refresher;

pub use self::{lookups::Lookups, refresher::RefresherHandle};
