//! What a shared cache may do with requests and answers, and the answers that are kept for `FALLBACK=stale`. The rules
//! are those of RFC 9111, sections 3 (which answers) and 4 (for which requests).
//!
//! | module | role |
//! |---|---|
//! | `key` | which requests can get each other's answers |
//! | `permission` | which answers may be given to other requests |
//! | `store` | the last good answers of an upstream |
//! | `body_copy` | copies the body of an answer while it is passed on |

mod body_copy;
mod key;
mod permission;
mod store;

pub(super) use self::{
    body_copy::{BodyCopy, Copied},
    key::RequestKey,
    permission::may_be_shared,
    store::StaleStore,
};
