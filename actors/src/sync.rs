//! What threads share without a message, by one name: so that `tests/loom/` can compile the files that
//! use it against a model checker's own, which tries every order in which threads may run.

pub(crate) use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, AtomicUsize},
};

pub(crate) use arc_swap::ArcSwap;
