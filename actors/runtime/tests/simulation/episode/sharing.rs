//! Callers that share calls.

use std::rc::Rc;

use super::users;
use crate::{
    record::{Request, Route, ShareKey, ShareNumber},
    support::Lab,
    world::World,
};

/// Shares the call that is in flight and asks the same upstream for the same, or makes it.
pub(super) async fn shared_call(world: Rc<World>, lab: Lab<()>, request: Request) {
    let key = (request.lab, request.asks_for);
    let number = world.record.borrow_mut().shares.joins(key);
    let _sharer = Sharer { world: &world, key, number };
    let shared = Rc::clone(&world);
    let make = async move || {
        shared.shared_call_begins(key, number, request.call);
        users::call(Rc::clone(&shared), lab, request, Route::Protected).await;
        shared.record.borrow_mut().shares.ends(key, number, request.call);
        request.call
    };
    let answer = world.coalescer.call(key, make).await;
    world.sharer_is_answered(number, answer);
}

struct Sharer<'a> {
    world: &'a World,
    key: ShareKey,
    number: ShareNumber,
}

impl Drop for Sharer<'_> {
    fn drop(&mut self) {
        self.world.record.borrow_mut().shares.leaves(self.key, self.number);
    }
}
