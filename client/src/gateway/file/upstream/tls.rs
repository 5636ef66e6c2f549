//! How the connections to an upstream are encrypted.

use toml::Spanned;

use super::super::{
    keys::{TLS_KEYS, names},
    reader::{Reader, Section},
};
use crate::{
    transport::tls::{TlsConfig, TlsError, TlsField, TlsSettings},
    upstream_url::UpstreamUrl,
};

/// Reads the table `tls`. The paths of files are relative to the folder of the file of upstreams.
pub(super) fn read(section: &Section<'_>, reader: &mut Reader<'_>) -> TlsSettings {
    section.refuse_unknown(reader, &names(&TLS_KEYS).collect::<Vec<_>>(), |_| None);
    let mut text = |field: TlsField| {
        let key = field.to_string();
        let value = section.get(&key)?;
        Some(reader.text(&section.key(&key), value, "a string")?.to_owned())
    };
    let [ca, certificate, key] =
        [TlsField::CaFile, TlsField::ClientCertificateFile, TlsField::ClientKeyFile].map(&mut text);
    let server_name = text(TlsField::ServerName);
    let path = |path: Option<String>| path.map(|path| reader.sources.resolve(&path));
    TlsSettings {
        ca_file: path(ca),
        client_certificate_file: path(certificate),
        client_key_file: path(key),
        server_name,
    }
}

/// Reads the files. `None` for plain HTTP, and if there is an error.
pub(super) fn load(
    settings: &TlsSettings,
    url: &UpstreamUrl,
    upstream: &Section<'_>,
    reader: &mut Reader<'_>,
) -> Option<TlsConfig> {
    let TlsError { field, value, expected } =
        match TlsConfig::of_files(settings, url, reader.sources.file) {
            Ok(tls) => return tls,
            Err(error) => error,
        };
    let (key, at) = match field {
        TlsField::Url => (upstream.key("url"), upstream.get("url")),
        field => {
            let table = upstream.get("tls");
            let set = table.and_then(|table| table.get_ref().get(field.to_string()));
            (format!("{}.{field}", upstream.key("tls")), set.or(table))
        }
    };
    let at = at.map_or(upstream.span.clone(), Spanned::span);
    reader.refuse(&at, &key, value, expected);
    None
}
