//! The server of the tests, and its routes.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use actix_connection_guard::{Connections, GuardedServer, Limits, mark_expendable};
use actix_web::{
    App, HttpRequest, HttpResponse,
    dev::ServerHandle,
    web::{self, Bytes, PayloadConfig, ServiceConfig},
};
use futures::{StreamExt as _, stream};
use resilience_testing::http::Connection;

/// A server that stops when it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Connections,
    handle: ServerHandle,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::with(Limits { connections: 10, ..Limits::default() })
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, started) = mpsc::channel();
        thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let limits = Limits { probe_paths: &["/health"], ..limits };
                let app = || App::new().configure(routes);
                let server = GuardedServer::new(limits).workers(1).disable_signals();
                let server = server.listen(listener, app).unwrap();
                sender.send((server.connections(), server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (connections, handle) = started.recv().unwrap();
        Self { address, connections, handle }
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent at once; the future only waits for its end.
        drop(self.handle.stop(false));
    }
}

/// Number of requests for `/never` whose handler was dropped, because the client had left.
pub(crate) static LEFT: AtomicUsize = AtomicUsize::new(0);

struct Left;

impl Drop for Left {
    fn drop(&mut self) {
        LEFT.fetch_add(1, Ordering::SeqCst);
    }
}

fn routes(config: &mut ServiceConfig) {
    async fn take(body: Bytes) -> HttpResponse {
        HttpResponse::Ok().body(format!("{} bytes", body.len()))
    }
    async fn take_elsewhere(mut body: web::Payload) -> HttpResponse {
        let reading = actix_web::rt::spawn(async move {
            // By now all bytes have arrived, and the connection waits for none.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let mut length = 0;
            while let Some(part) = body.next().await {
                length += part.unwrap().len();
            }
            length
        });
        HttpResponse::Ok().body(format!("{} bytes", reading.await.unwrap()))
    }
    async fn parts(mut body: web::Payload) -> HttpResponse {
        let (mut parts, mut length) = (0, 0);
        while let Some(part) = body.next().await {
            parts += 1;
            length += part.unwrap().len();
        }
        HttpResponse::Ok().body(format!("{} bytes in a part", length / parts))
    }
    async fn echo(body: web::Payload) -> HttpResponse {
        HttpResponse::Ok().streaming(body)
    }
    async fn late() -> HttpResponse {
        tokio::time::sleep(Duration::from_millis(300)).await;
        HttpResponse::Ok().body("late")
    }
    async fn never() -> HttpResponse {
        let _left = Left;
        std::future::pending().await
    }
    async fn events(request: HttpRequest) -> HttpResponse {
        mark_expendable(&request);
        HttpResponse::Ok().streaming(stream::once(async {
            tokio::time::sleep(Duration::from_secs(6)).await;
            Ok::<_, Infallible>(Bytes::from_static(b"the end"))
        }))
    }
    config
        .app_data(PayloadConfig::new(64 * 1024))
        .route("/events", web::get().to(events))
        .route("/never", web::get().to(never))
        .route("/take", web::post().to(take))
        .route("/parts", web::post().to(parts))
        .route("/echo", web::post().to(echo))
        .route("/take-elsewhere", web::post().to(take_elsewhere))
        .route("/health", web::get().to(HttpResponse::Ok))
        .route("/late", web::get().to(late));
}
