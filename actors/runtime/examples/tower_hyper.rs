//! A hyper client behind a circuit breaker and a concurrency limit, as a tower layer, in a process without actix: the
//! server fails four times in a row, so that the circuit opens, opens again after a failed trial, and closes.
//!
//! ```text
//! cargo run -p resilience-actors --example tower_hyper
//! ```

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http_body_util::Empty;
use hyper::{Request, Response, StatusCode, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use resilience_actors::{
    Breaker, CallError, Concurrency, Upstream,
    adapters::tower::{HttpStatus, ResilienceLayer},
};
use tokio::net::TcpListener;
use tower::{Layer as _, Service as _, ServiceExt as _};

type Body = Empty<Bytes>;
type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener));
    call(address).await
}

/// Calls the server each 50 ms, and prints what comes of it.
async fn call(server: SocketAddr) -> Result<(), Error> {
    let upstream = Upstream::builder("server")
        .breaker(Breaker::consecutive(3).reset_after(Duration::from_millis(200)))
        .concurrency(Concurrency::at_most(10))
        .timeout(Duration::from_secs(1))
        .start_in_background()?;
    let layer = ResilienceLayer::new(&upstream)?.classify(HttpStatus);
    let mut client = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Body>());
    let mut turns = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..20 {
        turns.tick().await;
        let request = Request::get(format!("http://{server}/")).body(Body::new())?;
        match client.ready().await?.call(request).await {
            Ok(response) => println!("{}, circuit {}", response.status(), upstream.state()),
            Err(CallError::Rejected(rejection)) => println!("rejected: {rejection}"),
            Err(error) => println!("failed: {error}"),
        }
    }
    Ok(())
}

async fn serve(listener: TcpListener) {
    let requests = Arc::new(AtomicUsize::new(0));
    while let Ok((stream, _)) = listener.accept().await {
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let service = service_fn(async |_| Ok::<_, Infallible>(answer(&requests)));
            // An error means that the client has closed the connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Fails the 6th to the 9th request.
fn answer(requests: &AtomicUsize) -> Response<Body> {
    let mut response = Response::new(Body::new());
    if (5..9).contains(&requests.fetch_add(1, Ordering::Relaxed)) {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}
