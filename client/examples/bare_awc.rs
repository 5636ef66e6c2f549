//! The floor of the stack: an awc call in a handler, with no breaker, no retry and no timeout.
//!
//! `scripts/bench.sh` measures the client service against it. It takes the settings of the client
//! service that it has a use for:
//!
//! ```text
//! BACKEND_URL=http://127.0.0.1:5000 PORT=8001 WORKERS=1 \
//!     cargo run --release -p client-service --example bare_awc
//! ```

use std::{env, error::Error, fmt::Display, net::Ipv4Addr, str::FromStr};

use actix_web::{
    App, HttpResponse, HttpServer,
    error::ErrorBadGateway,
    http::{Uri, header::ACCEPT},
    web,
};
use awc::{Client, Connector};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let backend: Uri = setting("BACKEND_URL", "http://127.0.0.1:5000")?;
    let port: u16 = setting("PORT", "8001")?;
    let workers: usize = setting("WORKERS", "1")?;
    let data: Uri = format!("{}/api/data", backend.to_string().trim_end_matches('/')).parse()?;
    HttpServer::new(move || {
        // One pool per worker, and nothing on that costs: a floor must not be above what stands on it.
        let client = Client::builder()
            .connector(Connector::new().limit(0))
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .finish();
        App::new()
            .app_data(web::Data::new(client))
            .app_data(web::Data::new(data.clone()))
            .service(web::resource("/api/call-backend").get(call_backend))
    })
    .workers(workers)
    .bind((Ipv4Addr::LOCALHOST, port))
    .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))?
    .run()
    .await?;
    Ok(())
}

/// Forwards what the backend says: its status and its body.
async fn call_backend(
    client: web::Data<Client>,
    data: web::Data<Uri>,
) -> actix_web::Result<HttpResponse> {
    let request = client.get(data.get_ref()).insert_header((ACCEPT, "application/json"));
    let mut answer = request.send().await.map_err(|error| ErrorBadGateway(error.to_string()))?;
    let body = answer.body().await.map_err(|error| ErrorBadGateway(error.to_string()))?;
    Ok(HttpResponse::build(answer.status()).body(body))
}

fn setting<T: FromStr>(name: &str, default: &str) -> Result<T, String>
where
    T::Err: Display,
{
    let value = env::var(name).unwrap_or_else(|_| default.to_owned());
    value.parse().map_err(|error| format!("{name}=\"{value}\" is not valid: {error}"))
}
