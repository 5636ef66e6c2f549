//! Upstreams that come and go by name: one for each shard, all under one limit on calls.
//!
//! ```text
//! cargo run -p resilience-actors --example many_upstreams
//! ```

use std::{collections::BTreeMap, time::Duration};

use resilience_actors::{BreakerSettings, CallError, CallLimit, InvalidConfig, Retry, Upstream};

/// The upstreams that were called so far.
struct Shards {
    limit: CallLimit,
    known: BTreeMap<u32, Upstream>,
}

impl Shards {
    fn get(&mut self, shard: u32) -> Result<&Upstream, InvalidConfig> {
        if !self.known.contains_key(&shard) {
            let upstream = Upstream::builder(format!("shard-{shard}"))
                .breaker(BreakerSettings::default())
                .retry(Retry::exponential(Duration::from_millis(1)).attempts(2))
                .limit(self.limit.clone())
                .start()?;
            self.known.insert(shard, upstream);
        }
        Ok(&self.known[&shard])
    }
}

/// Shard 2 is dead.
async fn ask(shard: u32) -> Result<u32, String> {
    if shard == 2 { Err("connection refused".to_owned()) } else { Ok(shard * 100) }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut shards = Shards { limit: CallLimit::new(100), known: BTreeMap::new() };
    for round in 1..=6 {
        for shard in 1..=3 {
            let upstream = shards.get(shard)?.clone();
            let answer = upstream.call(async move |_| ask(shard).await).await;
            if round == 6 {
                let said = match answer {
                    Ok(answer) => format!("answers {answer}"),
                    Err(CallError::Rejected(rejection)) => format!("is rejected: {rejection}"),
                    Err(error) => format!("fails: {error}"),
                };
                println!("{} {said}", upstream.name());
            }
        }
    }
    Ok(())
}
