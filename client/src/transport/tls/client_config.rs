//! Makes rustls' configuration: protocol versions, roots and the client's certificate.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use tokio_rustls::rustls::{
    ClientConfig, Error, RootCertStore,
    crypto::{CryptoProvider, ring},
};

use super::{
    files::{self, Read},
    settings::{TlsError, TlsField},
};

/// One copy for all upstreams.
static PUBLIC_ROOTS: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(ring::default_provider()));

/// Mozilla's roots. The image has no file with the system's roots.
pub(super) fn public_roots() -> Arc<RootCertStore> {
    Arc::clone(&PUBLIC_ROOTS)
}

/// TLS 1.2 and 1.3, with these roots and with the certificate and key in these files, which `read` returns.
pub(super) fn make(
    roots: Arc<RootCertStore>,
    client: Option<(&Path, &Path)>,
    read: Read<'_>,
) -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_safe_default_protocol_versions()
        // ring supports both versions.
        .map_err(|error| TlsError {
            field: TlsField::Url,
            value: "https".into(),
            expected: format!("usable TLS versions: {error}"),
        })?
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key_file)) => {
            let chain = files::certificates(TlsField::ClientCertificateFile, certificate, read)?;
            let key = files::private_key(key_file, read)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(key_file, &error))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn unusable(key_file: &Path, error: &Error) -> TlsError {
    let expected = match error {
        Error::InconsistentKeys(_) => "the private key of the client's certificate".into(),
        Error::InvalidCertificate(_) => format!("a key for a valid client certificate: {error}"),
        _ => "an RSA, ECDSA or Ed25519 key".into(),
    };
    TlsError::of_file(TlsField::ClientKeyFile, key_file, expected)
}
