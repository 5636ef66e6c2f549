//! Follows the file of upstreams while the process runs (`CONFIG`). docs/gateway.md says what a change does.
//!
//! | module | role |
//! |---|---|
//! | `triggers` | when the file may have changed |
//! | `reloader` | reads the file again, and puts it in force |
//! | `status` | what came of it |

mod reloader;
mod status;
mod triggers;

pub use self::{
    reloader::Reloader,
    status::{FileStatus, Outcome},
};
