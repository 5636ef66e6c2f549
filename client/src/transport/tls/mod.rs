//! TLS to an upstream: which certificates are accepted, and which one is shown.
//!
//! HTTP/1.1 only: the client offers no other protocol (ALPN), because its socket corrects heads of HTTP/1.1.

mod client_config;
mod files;
mod reason;
mod settings;

use std::{
    cell::Cell,
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    path::Path,
    sync::{Arc, LazyLock},
};

use actix_rt::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, pki_types::ServerName},
};

pub(super) use reason::explained;
pub use settings::{TlsError, TlsField, TlsSettings};

use crate::{
    regular_file::{self, MAX_REFERRED},
    upstream_url::UpstreamUrl,
};

/// Makes TLS connections to one upstream. Clones share its sessions, which spare a part of a handshake.
#[derive(Clone)]
pub struct TlsConfig {
    client: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    /// Of the contents of the files.
    digest: u64,
}

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl TlsConfig {
    /// Reads the files that `settings` name. Returns `None` for a plain `http` URL.
    ///
    /// # Errors
    /// A file cannot be used, or a setting contradicts another one or the URL. No error shows a part of a private key.
    pub fn of(settings: &TlsSettings, url: &UpstreamUrl) -> Result<Option<Self>, TlsError> {
        Self::of_files(settings, url, &|file| regular_file::read(file, MAX_REFERRED))
    }

    /// As [`of`](Self::of). `read` returns the contents of a file.
    pub(crate) fn of_files(
        settings: &TlsSettings,
        url: &UpstreamUrl,
        read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
    ) -> Result<Option<Self>, TlsError> {
        if !url.is_https() {
            return settings.must_be_unset().map(|()| None);
        }
        let server_name = settings.certificate_name(url)?;
        let digest = Cell::new(0);
        let read = |file: &Path| {
            let bytes = read(file)?;
            digest.set(HASHER.hash_one((digest.get(), &bytes)));
            Ok(bytes)
        };
        let roots = match &settings.ca_file {
            Some(file) => Arc::new(files::roots(file, &read)?),
            None => client_config::public_roots(),
        };
        let client = client_config::make(roots, settings.client_files()?, &read)?;
        Ok(Some(Self { client: Arc::new(client), server_name, digest: digest.get() }))
    }

    /// Performs the handshake on a new connection.
    ///
    /// # Errors
    /// The connection failed, or the handshake did: the error is a sentence that says why.
    pub(super) async fn handshake(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(&self.client));
        connector.connect(self.server_name.clone(), tcp).await.map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                return io::Error::new(error.kind(), "connection closed in the TLS handshake");
            }
            explained(error)
        })
    }
}

/// The same server name, and the same contents of the files.
impl PartialEq for TlsConfig {
    fn eq(&self, other: &Self) -> bool {
        self.server_name == other.server_name && self.digest == other.digest
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest may hold a private key.
        f.debug_struct("TlsConfig").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}
