//! awc's client, with a pool of connections that can be replaced.

use std::{cell::RefCell, fmt, rc::Rc};

use awc::Client;

/// awc's client for one upstream and thread: a cheap handle, shared by cloning.
///
/// awc cannot be told to use a fresh connection, nor to close its idle ones. So this has a function that makes clients:
/// one whose connections are kept, and one for each attempt that needs a fresh connection.
#[derive(Clone)]
pub struct HttpClient(Rc<Inner>);

struct Inner {
    /// The client with the pool of kept connections.
    pooled: RefCell<Client>,
    make: Box<dyn Fn() -> Client>,
}

impl HttpClient {
    /// `make` returns a client with an empty pool.
    ///
    /// Turn off what the policies of the upstream do: awc's timeout of a response (5 s), its limit of connections (100)
    /// and its redirects. Keep a connect timeout that is shorter than the attempt timeout, as the attempt then counts
    /// as unreachable and can be repeated at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use resilience_actors::adapters::awc::HttpClient;
    ///
    /// let client = HttpClient::new(|| {
    ///     let connector = awc::Connector::new().timeout(Duration::from_secs(1)).limit(0);
    ///     awc::Client::builder().connector(connector).disable_timeout().disable_redirects().finish()
    /// });
    /// ```
    pub fn new(make: impl Fn() -> Client + 'static) -> Self {
        Self(Rc::new(Inner { pooled: RefCell::new(make()), make: Box::new(make) }))
    }

    /// The client for an attempt: one with an empty pool if the attempt needs a fresh connection
    /// ([`Attempt::fresh_connection`](crate::Attempt::fresh_connection)).
    pub fn client(&self, fresh_connection: bool) -> Client {
        if fresh_connection { (self.0.make)() } else { self.0.pooled.borrow().clone() }
    }

    /// Makes no further use of the kept connections. Idle ones are closed, and those in use when their requests end.
    pub fn forget_connections(&self) {
        self.0.pooled.replace((self.0.make)());
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}
