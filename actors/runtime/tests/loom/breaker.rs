//! The crate's own files, word for word, against the model checker's `sync`.

#[path = "../../src/breaker/burst.rs"]
mod burst;
#[path = "../../src/breaker/published.rs"]
pub(crate) mod published;
#[path = "../../src/breaker/recorder.rs"]
pub(crate) mod recorder;
#[path = "../../src/breaker/successes.rs"]
pub(crate) mod successes;
#[path = "../../src/breaker/tally.rs"]
pub(crate) mod tally;
#[path = "../../src/breaker/transition.rs"]
pub(crate) mod transition;
#[path = "../../src/breaker/window.rs"]
pub(crate) mod window;

/// Only named: no message is sent here.
mod actor {
    #[derive(Debug)]
    pub(crate) struct BreakerActor;

    impl actix::Actor for BreakerActor {
        type Context = actix::Context<Self>;
    }
}
