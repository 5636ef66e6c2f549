//! HTTP calls with awc: 5xx answers and connection errors are failures, 429 is neutral, and all are retried.
//!
//! ```text
//! cargo run -p resilience-actors --example awc
//! ```

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use awc::Client;
use resilience_actors::{Attempt, Breaker, Operation, Outcome, Retry, Upstream, Verdict};

struct Get {
    client: Client,
    uri: String,
}

/// The status and the body.
type Page = (u16, String);

impl Operation for Get {
    type Answer = Page;
    type Error = String;

    async fn run(&self, _: Attempt<'_>) -> Result<Page, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let mut answer = self.client.get(&self.uri).send().await.map_err(|error| text(&error))?;
        let body = answer.body().await.map_err(|error| text(&error))?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }

    fn classify(&self, result: &Result<Page, String>) -> Verdict {
        let (outcome, code) = match result {
            Ok((code @ 200..=299, _)) => (Outcome::Success, Some(*code)),
            Ok((429, _)) => (Outcome::Throttled, Some(429)),
            Ok((code @ 400..=499, _)) => (Outcome::ClientError, Some(*code)),
            Ok((code, _)) => (Outcome::ServerError, Some(*code)),
            Err(_) => (Outcome::Unreachable, None),
        };
        Verdict { code, ..outcome.into() }
    }
}

/// A server that fails every second request, on a thread of its own.
fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for (number, stream) in (1..).zip(listener.incoming()) {
            let Ok(mut stream) = stream else { return };
            // One read is enough for these requests.
            let _ = stream.read(&mut [0; 4096]);
            let status = if number % 2 == 1 { "500 Internal Server Error" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Ok(address)
}

#[actix::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri = format!("http://{}/", serve()?);
    let server = Upstream::builder("server")
        .breaker(Breaker::failure_rate(0.8).over(Duration::from_secs(60)).at_least(20))
        .retry(Retry::exponential(Duration::from_millis(10)))
        .timeout(Duration::from_secs(1))
        .start()?;
    let client = Client::builder().disable_timeout().finish();
    for _ in 0..3 {
        let report = server.run(Get { client: client.clone(), uri: uri.clone() }).await;
        let attempts = report.attempts.len();
        let (status, body) = report.result?;
        println!("status {status} after {attempts} attempts: {body}");
    }
    Ok(())
}
