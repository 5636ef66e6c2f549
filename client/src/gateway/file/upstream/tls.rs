//! How the connections to an upstream are encrypted.

use std::{fmt, net::IpAddr, path::PathBuf};

use super::super::{
    keys::{TLS_KEYS, names},
    reader::{Reader, Section},
};
use crate::backend_url::BackendUrl;

/// TLS of an upstream with `https` URLs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// `ca_file`: the certificates that sign the upstream's, in place of Mozilla's roots.
    pub ca: Option<Pem>,
    /// `client_certificate_file` and `client_key_file`: the certificate that the gateway shows, with its key.
    pub client: Option<(Pem, Pem)>,
    /// `server_name`: the name that the upstream's certificate must have, in place of the host of the URL.
    pub server_name: Option<String>,
}

/// A file of certificates or of a key. Its `Debug` shows the path alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The path, relative to the folder of the process.
    pub path: PathBuf,
    /// The contents.
    pub contents: Vec<u8>,
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({:?})", self.path)
    }
}

/// Reads the table `tls`.
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> TlsConfig {
    section.refuse_unknown(reader, &names(&TLS_KEYS).collect::<Vec<_>>(), |_| None);
    let ca = pem(section, "ca_file", reader);
    let certificate = pem(section, "client_certificate_file", reader);
    let key = pem(section, "client_key_file", reader);
    for (one, other) in [
        ("client_certificate_file", "client_key_file"),
        ("client_key_file", "client_certificate_file"),
    ] {
        if let (Some(set), None) = (section.get(one), section.get(other)) {
            reader.errors.add(&set.span(), format!("{} needs {other} to be set", section.key(one)));
        }
    }
    TlsConfig { ca, client: certificate.zip(key), server_name: server_name(section, reader) }
}

fn pem(section: &Section<'_>, key: &str, reader: &mut Reader<'_>) -> Option<Pem> {
    let value = section.get(key)?;
    let key = section.key(key);
    let path = reader.text(&key, value, "a path")?;
    let resolved = reader.sources.resolve(path);
    let contents = (reader.sources.file)(&resolved).map_err(|error| error.to_string());
    let begin = b"-----BEGIN ";
    let is_pem = |bytes: &[u8]| bytes.windows(begin.len()).any(|window| window == begin);
    match contents {
        Ok(contents) if is_pem(&contents) => return Some(Pem { path: resolved, contents }),
        Ok(_) => reader.refuse(&value.span(), &key, path, "a file in PEM format"),
        Err(error) => {
            reader.refuse(&value.span(), &key, path, format!("a file that can be read: {error}"));
        }
    }
    None
}

fn server_name(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<String> {
    const ALLOWED: &str = "a host name or an address";
    let value = section.get("server_name")?;
    let key = section.key("server_name");
    let name = reader.text(&key, value, ALLOWED)?;
    let is_host =
        || !name.contains([':', '/']) && BackendUrl::parse(format!("http://{name}")).is_ok();
    if name.parse::<IpAddr>().is_err() && !is_host() {
        reader.refuse(&value.span(), &key, name, ALLOWED);
        return None;
    }
    Some(name.to_owned())
}
