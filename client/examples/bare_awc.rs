//! The floor of the stack: an awc call in a handler, with no breaker, no retry and no timeout.
//!
//! `scripts/bench.sh` measures the client service against it. For uploads, `/sink` reads a request's body and discards
//! it, and `/pass-on` passes it on to `/sink` of the backend. It takes the settings of the client service that it has a
//! use for:
//!
//! ```text
//! BACKEND_URL=http://127.0.0.1:5000 PORT=8001 WORKERS=1 \
//!     cargo run --release -p client-service --example bare_awc
//! ```

use std::{env, error::Error, fmt::Display, net::Ipv4Addr, str::FromStr};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::SizedStream,
    error::{ErrorBadGateway, PayloadError},
    http::{
        Uri,
        header::{ACCEPT, CONTENT_LENGTH},
    },
    web,
};
use awc::{Client, ClientResponse, Connector, error::SendRequestError};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let backend: Uri = setting("BACKEND_URL", "http://127.0.0.1:5000")?;
    let port: u16 = setting("PORT", "8001")?;
    let workers: usize = setting("WORKERS", "1")?;
    let at = |path: &str| format!("{}{path}", backend.to_string().trim_end_matches('/')).parse();
    let urls = Urls { data: at("/api/data")?, sink: at("/sink")? };
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
            .app_data(web::Data::new(urls.clone()))
            .service(web::resource("/api/call-backend").get(call_backend))
            .service(web::resource("/sink").post(discard))
            .service(web::resource("/pass-on").post(pass_on))
    })
    .workers(workers)
    .bind((Ipv4Addr::LOCALHOST, port))
    .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))?
    .run()
    .await?;
    Ok(())
}

/// What it calls.
#[derive(Clone)]
struct Urls {
    data: Uri,
    sink: Uri,
}

/// Forwards what the backend says: its status and its body.
async fn call_backend(
    client: web::Data<Client>,
    urls: web::Data<Urls>,
) -> actix_web::Result<HttpResponse> {
    let request = client.get(&urls.data).insert_header((ACCEPT, "application/json"));
    answer(request.send().await).await
}

/// Reads a body, and says how many bytes it has.
async fn discard(mut body: web::Payload) -> actix_web::Result<String> {
    let mut size = 0;
    while let Some(part) = body.next().await {
        size += part?.len();
    }
    Ok(size.to_string())
}

/// Passes a body on while it arrives, with the same framing.
async fn pass_on(
    request: HttpRequest,
    body: web::Payload,
    client: web::Data<Client>,
    urls: web::Data<Urls>,
) -> actix_web::Result<HttpResponse> {
    let length =
        request.headers().get(CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    let passed = client.post(&urls.sink);
    let sending = match length {
        Some(length) => passed.send_body(SizedStream::new(length, body)),
        None => passed.send_stream(body),
    };
    answer(sending.await).await
}

async fn answer<S>(
    sent: Result<ClientResponse<S>, SendRequestError>,
) -> actix_web::Result<HttpResponse>
where
    S: Stream<Item = Result<Bytes, PayloadError>>,
{
    let mut answer = sent.map_err(|error| ErrorBadGateway(error.to_string()))?;
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
