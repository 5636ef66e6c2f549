//! What threads share without a message. With `--cfg loom` these are the model checker's types, which try every order
//! in which threads may run.

#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod threads;

#[cfg(loom)]
pub(crate) use model::*;
#[cfg(not(loom))]
pub(crate) use threads::*;
