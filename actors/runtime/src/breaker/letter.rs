//! Messages that are counted while they are on their way.

use std::sync::{Arc, atomic::Ordering};

use actix::prelude::*;

use super::{
    actor::BreakerActor,
    messages::{Acquire, BurstBegan, Inspect, Judge, Reset, SetMode, Subscribe},
    published::Published,
};

/// A message in its envelope: counted from the moment that it is written until it is handled, or
/// dropped unread because its sender has left.
#[derive(Debug)]
pub(crate) struct Letter<M> {
    message: M,
    _counted: Counted,
}

impl<M> Letter<M> {
    pub(crate) fn new(published: &Arc<Published>, message: M) -> Self {
        published.tally.mailed().fetch_add(1, Ordering::Relaxed);
        Self { message, _counted: Counted(Arc::clone(published)) }
    }
}

#[derive(Debug)]
struct Counted(Arc<Published>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.tally.mailed().fetch_sub(1, Ordering::Relaxed);
    }
}

impl<M: Message> Message for Letter<M> {
    type Result = M::Result;
}

/// Written out for each, since an implementation for all of them would be one for letters too.
macro_rules! delivered {
    ($($message:ty),+) => { $(
        impl Handler<Letter<$message>> for BreakerActor {
            type Result = <Self as Handler<$message>>::Result;

            fn handle(
                &mut self,
                letter: Letter<$message>,
                ctx: &mut Context<Self>,
            ) -> Self::Result {
                self.handle(letter.message, ctx)
            }
        }
    )+ };
}

delivered!(Acquire, Judge, Reset, SetMode, BurstBegan, Subscribe, Inspect);
