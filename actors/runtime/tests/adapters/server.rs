//! A real actix-web server with two workers, whose handler does what the test says.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, web};
use resilience_actors::adapters::actix_web::Protect;
use tokio::sync::Semaphore;

/// What the handlers do, and how many of them run.
pub(crate) struct Handlers {
    /// Each request to `/held` takes one of these before it is answered.
    pub(crate) turns: Semaphore,
    /// Time in ms that a request to `/slow` takes.
    pub(crate) millis: AtomicU64,
    running: AtomicUsize,
    begun: AtomicUsize,
}

impl Handlers {
    pub(crate) fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    pub(crate) fn begun(&self) -> usize {
        self.begun.load(SeqCst)
    }
}

/// Counts a handler as running until it ends or is dropped.
struct Running(Arc<Handlers>);

impl Running {
    fn begin(handlers: &web::Data<Handlers>) -> Self {
        handlers.running.fetch_add(1, SeqCst);
        handlers.begun.fetch_add(1, SeqCst);
        Self(Arc::clone(handlers))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

async fn held(handlers: web::Data<Handlers>) -> &'static str {
    let _running = Running::begin(&handlers);
    handlers.turns.acquire().await.unwrap().forget();
    "held"
}

async fn slow(handlers: web::Data<Handlers>) -> &'static str {
    let _running = Running::begin(&handlers);
    tokio::time::sleep(Duration::from_millis(handlers.millis.load(SeqCst))).await;
    "slow"
}

async fn echo(body: String) -> String {
    body
}

async fn fail() -> HttpResponse {
    HttpResponse::InternalServerError().body("failed")
}

async fn panics() -> HttpResponse {
    panic!("as the test says")
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) handlers: Arc<Handlers>,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(protect: Protect) -> Self {
        let handlers = Arc::new(Handlers {
            turns: Semaphore::new(0),
            millis: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
        });
        let (data, (started, server)) = (web::Data::from(Arc::clone(&handlers)), mpsc::channel());
        let thread = thread::spawn(move || {
            let server = HttpServer::new(move || {
                App::new()
                    .app_data(data.clone())
                    .service(
                        web::scope("/api")
                            .wrap(protect.clone())
                            .route("/held", web::get().to(held))
                            .route("/slow", web::get().to(slow))
                            .route("/echo/{name}", web::post().to(echo))
                            .route("/fail", web::get().to(fail))
                            .route("/panic", web::get().to(panics)),
                    )
                    .route("/health", web::get().to(async || "healthy"))
            });
            let server = server.workers(2).h1_allow_half_closed(false).disable_signals();
            let server = server.bind("127.0.0.1:0").unwrap();
            let address = server.addrs()[0];
            actix_web::rt::System::new().block_on(async {
                let server = server.run();
                started.send((address, server.handle())).unwrap();
                server.await.unwrap();
            });
        });
        let (address, handle) = server.recv().unwrap();
        Self { address, handlers, handle, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The command is sent at once; the future waits for the end.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
