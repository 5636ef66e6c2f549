//! Reads certificates and keys from PEM files.

use std::{io, path::Path};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::settings::{TlsError, TlsField};

/// Returns the contents of a file.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// The roots in a file.
pub(super) fn roots(file: &Path, read: Read<'_>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(TlsField::CaFile, file, read)?.into_iter().enumerate()
    {
        roots.add(certificate).map_err(|error| {
            let number = index + 1;
            let expected = format!("certificates, but number {number} cannot be used: {error}");
            TlsError::of_file(TlsField::CaFile, file, expected)
        })?;
    }
    Ok(roots)
}

/// The certificates in a file, at least one.
pub(super) fn certificates(
    field: TlsField,
    file: &Path,
    read: Read<'_>,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = contents(field, file, read)?;
    let refused = |expected: String| TlsError::of_file(field, file, expected);
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    // The reader's error may quote lines of the file, and the file may hold a key by mistake.
    let certificates =
        certificates.map_err(|_| refused("certificates in PEM, but it is malformed".into()))?;
    if certificates.is_empty() {
        return Err(refused("certificates in PEM, but it has none".into()));
    }
    Ok(certificates)
}

/// The private key in a file. No error shows what the file holds.
pub(super) fn private_key(file: &Path, read: Read<'_>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = contents(TlsField::ClientKeyFile, file, read)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let expected = "a private key in PEM that is not encrypted, but it has none";
        TlsError::of_file(TlsField::ClientKeyFile, file, expected)
    })
}

fn contents(field: TlsField, file: &Path, read: Read<'_>) -> Result<Vec<u8>, TlsError> {
    read(file).map_err(|error| TlsError::of_file(field, file, format!("a readable file: {error}")))
}
