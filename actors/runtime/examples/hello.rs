//! The least that protects a call.

use resilience_actors::{Breaker, Upstream};

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let upstream = Upstream::builder("hello").breaker(Breaker::consecutive(5)).start()?;
    let answer = upstream.call(async |_| std::fs::read_to_string("/etc/hostname")).await?;
    println!("hello from {answer}");
    Ok(())
}
