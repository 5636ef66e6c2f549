//! The least that protects a call.

use resilience_actors::{BreakerSettings, Upstream};

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = Upstream::builder("hello").breaker(BreakerSettings::default()).start()?;
    let answer = upstream.call(async |_| std::fs::read_to_string("/etc/hostname")).await?;
    println!("hello from {answer}");
    Ok(())
}
