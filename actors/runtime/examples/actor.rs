//! An actix actor behind a circuit breaker: an actor that is gone and the actor's own errors are failures. Feature
//! `actix-address`.
//!
//! ```text
//! cargo run -p resilience-actors --example actor
//! ```

use std::time::Duration;

use actix::prelude::*;
use resilience_actors::{BreakerSettings, CallError, Upstream};

/// Divides 100 by the number.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Result<i32, String>")]
struct Divide(i32);

struct Divider;

impl Actor for Divider {
    type Context = Context<Self>;
}

impl Handler<Divide> for Divider {
    type Result = Result<i32, String>;

    fn handle(&mut self, Divide(by): Divide, _: &mut Context<Self>) -> Self::Result {
        100_i32.checked_div(by).ok_or_else(|| format!("cannot divide by {by}"))
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = BreakerSettings { fail_max: 3, ..BreakerSettings::default() };
    let divider =
        Upstream::builder("divider").breaker(settings).timeout(Duration::from_secs(1)).start()?;
    let address = Divider.start();
    for by in [5, 0, 0, 0, 5] {
        match divider.send(&address, Divide(by)).await {
            Ok(answer) => println!("100 / {by} = {answer}"),
            Err(CallError::Rejected(rejection)) => println!("100 / {by}: rejected, {rejection}"),
            Err(error) => println!("100 / {by}: {error}"),
        }
    }
    Ok(())
}
