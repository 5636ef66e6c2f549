//! An actix-web application on a guarded server: `cargo run -p actix-connection-guard --example guarded_server`.

use std::net::TcpListener;

use actix_connection_guard::{GuardedServer, Limits};
use actix_web::{App, HttpResponse, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let limits = Limits { connections: 100, probe_paths: &["/health"], ..Limits::default() };
    let app = || App::new().route("/health", web::get().to(HttpResponse::Ok));
    GuardedServer::new(limits).listen(TcpListener::bind("127.0.0.1:8080")?, app)?.await
}
