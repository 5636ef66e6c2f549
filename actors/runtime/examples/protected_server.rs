//! An actix-web server that protects itself: at most 2 requests in flight, 4 a burst. Feature `actix-web`.
//!
//! ```text
//! cargo run -p resilience-actors --example protected_server
//! ```

use std::{error::Error, time::Duration};

use actix_web::{App, HttpServer, web};
use futures::future::join_all;
use resilience_actors::{Concurrency, Rate, Upstream, adapters::actix_web::Protect};

async fn page() -> &'static str {
    tokio::time::sleep(Duration::from_millis(50)).await;
    "page"
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let limits = Upstream::builder("server")
        .rate(Rate::per_minute(60).burst(4))
        .concurrency(Concurrency::at_most(2))
        .start()?;
    let protect = Protect::new(limits)?;
    let server = HttpServer::new(move || {
        App::new()
            .service(web::scope("/pages").wrap(protect.clone()).route("", web::get().to(page)))
            .route("/health", web::get().to(async || "healthy"))
    });
    let server = server.workers(2).h1_allow_half_closed(false).disable_signals();
    let server = server.bind("127.0.0.1:0")?;
    let address = server.addrs()[0];
    let server = server.run();
    let (handle, running) = (server.handle(), actix_web::rt::spawn(server));

    let client = awc::Client::default();
    let ask = async |path: &str| {
        let answer = client.get(format!("http://{address}{path}")).send().await;
        let mut answer = answer.map_err(|error| error.to_string())?;
        let body = answer.body().await.map_err(|error| error.to_string())?;
        println!("{path}: {} {}", answer.status().as_u16(), String::from_utf8_lossy(&body));
        Ok::<_, String>(())
    };
    println!("four at a time, two places:");
    join_all((0..4).map(|_| ask("/pages"))).await.into_iter().collect::<Result<(), _>>()?;
    println!("one after the other, until the burst is used up:");
    for path in ["/pages"; 3].into_iter().chain(["/health"]) {
        ask(path).await?;
    }
    handle.stop(true).await;
    running.await??;
    Ok(())
}
