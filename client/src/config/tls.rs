//! `BACKEND_CA_FILE`, `BACKEND_CLIENT_CERT_FILE`, `BACKEND_CLIENT_KEY_FILE` and `BACKEND_SERVER_NAME`.

use std::path::PathBuf;

use service_edge::{SettingError, Settings};

use crate::{
    transport::tls::{TlsConfig, TlsError, TlsField, TlsSettings},
    upstream_url::UpstreamUrl,
};

const CA_FILE: &str = "BACKEND_CA_FILE";
const CLIENT_CERT_FILE: &str = "BACKEND_CLIENT_CERT_FILE";
const CLIENT_KEY_FILE: &str = "BACKEND_CLIENT_KEY_FILE";
const SERVER_NAME: &str = "BACKEND_SERVER_NAME";

/// Reads the settings and the files that they name.
pub(super) fn read(
    settings: &mut Settings<'_>,
    backend: &UpstreamUrl,
) -> Result<Option<TlsConfig>, SettingError> {
    let mut file = |name| Ok(settings.optional_text(name)?.map(PathBuf::from));
    let tls = TlsSettings {
        ca_file: file(CA_FILE)?,
        client_certificate_file: file(CLIENT_CERT_FILE)?,
        client_key_file: file(CLIENT_KEY_FILE)?,
        server_name: settings.optional_text(SERVER_NAME)?,
    };
    TlsConfig::of(&tls, backend).map_err(named)
}

fn named(TlsError { field, value, expected }: TlsError) -> SettingError {
    let name = match field {
        TlsField::CaFile => CA_FILE,
        TlsField::ClientCertificateFile => CLIENT_CERT_FILE,
        TlsField::ClientKeyFile => CLIENT_KEY_FILE,
        TlsField::ServerName => SERVER_NAME,
        TlsField::Url => "BACKEND_URL",
    };
    SettingError::new(name, value, expected)
}
