//! HTTP calls with awc: a 5xx or a connection error is a failure, a 429 is neutral, and all are retried. Feature `awc`.
//!
//! ```text
//! cargo run -p resilience-actors --example awc
//! ```

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use resilience_actors::{
    Breaker, Retry, Upstream,
    adapters::awc::{HttpClient, HttpRequest},
};

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
    let client = HttpClient::new(|| {
        let connector = awc::Connector::new().timeout(Duration::from_millis(500)).limit(0);
        awc::Client::builder().connector(connector).disable_timeout().disable_redirects().finish()
    });
    for _ in 0..3 {
        let uri = uri.clone();
        let request = HttpRequest::new(&client, move |client| client.get(&uri));
        let report = server.run(request).await;
        let attempts = report.attempts.len();
        let page = report.result?;
        let body = String::from_utf8_lossy(&page.body);
        println!("status {} after {attempts} attempts: {body}", page.status.as_u16());
    }
    Ok(())
}
