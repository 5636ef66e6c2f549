//! Outlier ejection: which endpoints get no calls for a while. Pure rules.
//!
//! | module | role |
//! |---|---|
//! | `settings` | when endpoints are ejected, and for how long |
//! | `failure_window` | attempts and failures of the last 10 seconds |
//! | `health` | what is known of one endpoint |
//! | `ejections` | decides which endpoints are ejected |

mod ejections;
mod failure_window;
mod health;
mod settings;

pub(super) use self::ejections::{Change, Ejections};
pub use self::{ejections::EndpointId, settings::EjectionSettings};
