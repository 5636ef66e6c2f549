//! The settings of TLS, and the rules between them.

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::pki_types::ServerName;

use crate::upstream_url::UpstreamUrl;

/// The settings of TLS to one upstream. All unset: Mozilla's roots, the name in the URL, and no client certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the roots that are trusted in place of Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the client's certificate, and the intermediate ones after it. Requires `client_key_file`.
    pub client_certificate_file: Option<PathBuf>,
    /// A PEM file with the private key of that certificate, not encrypted.
    pub client_key_file: Option<PathBuf>,
    /// The name or address that the server's certificate must have, in place of the URL's host. A name is also sent to
    /// the server (SNI).
    pub server_name: Option<String>,
}

/// A field of [`TlsSettings`], or the URL that they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsField {
    /// [`TlsSettings::ca_file`].
    CaFile,
    /// [`TlsSettings::client_certificate_file`].
    ClientCertificateFile,
    /// [`TlsSettings::client_key_file`].
    ClientKeyFile,
    /// [`TlsSettings::server_name`].
    ServerName,
    /// The upstream's URL.
    Url,
}

impl Display for TlsField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CaFile => "ca_file",
            Self::ClientCertificateFile => "client_certificate_file",
            Self::ClientKeyFile => "client_key_file",
            Self::ServerName => "server_name",
            Self::Url => "url",
        })
    }
}

/// A setting of TLS that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}={value:?} is not valid: expected {expected}")]
pub struct TlsError {
    /// The setting.
    pub field: TlsField,
    /// Its value: a file's path or a name, never the contents of a file.
    pub value: String,
    /// Completes the sentence "expected ...".
    pub expected: String,
}

impl TlsError {
    pub(super) fn of_file(field: TlsField, file: &Path, expected: impl Into<String>) -> Self {
        Self { field, value: file.display().to_string(), expected: expected.into() }
    }
}

impl TlsSettings {
    /// Refuses settings of TLS beside a URL without TLS.
    pub(super) fn must_be_unset(&self) -> Result<(), TlsError> {
        let files = [
            (TlsField::CaFile, &self.ca_file),
            (TlsField::ClientCertificateFile, &self.client_certificate_file),
            (TlsField::ClientKeyFile, &self.client_key_file),
        ];
        let files = files.into_iter().filter_map(|(field, file)| Some((field, file.as_deref()?)));
        let name = self.server_name.as_ref().map(|name| (TlsField::ServerName, Path::new(name)));
        let expected = "an upstream with an https URL";
        files
            .chain(name)
            .next()
            .map_or(Ok(()), |(field, value)| Err(TlsError::of_file(field, value, expected)))
    }

    /// The name that the server's certificate must have.
    pub(super) fn certificate_name(
        &self,
        url: &UpstreamUrl,
    ) -> Result<ServerName<'static>, TlsError> {
        let refused = |field, value: String| TlsError {
            field,
            value,
            expected: "a host name or an IP address that a certificate can have".into(),
        };
        if let Some(name) = &self.server_name {
            let parsed = ServerName::try_from(name.clone());
            return parsed.map_err(|_| refused(TlsField::ServerName, name.clone()));
        }
        let (host, _) = url.host_and_port();
        // SNI has no trailing dot (RFC 6066, 3).
        let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
        ServerName::try_from(host).map_err(|_| refused(TlsField::Url, url.to_string()))
    }

    /// The files of the client's certificate and of its key, if the client has them.
    pub(super) fn client_files(&self) -> Result<Option<(&Path, &Path)>, TlsError> {
        match (self.client_certificate_file.as_deref(), self.client_key_file.as_deref()) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(file), None) => Err(TlsError::of_file(
                TlsField::ClientCertificateFile,
                file,
                "the file of its private key to be set too",
            )),
            (None, Some(file)) => Err(TlsError::of_file(
                TlsField::ClientKeyFile,
                file,
                "the file of its certificate to be set too",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_s_name_is_the_setting_or_the_host() {
        let named = TlsSettings { server_name: Some("a.test".into()), ..TlsSettings::default() };
        let unnamed = TlsSettings::default();
        let name = |settings: &TlsSettings, host: &str| {
            let url = UpstreamUrl::parse(&format!("https://{host}")).unwrap();
            settings.certificate_name(&url).map(|name| name.to_str().into_owned())
        };
        for (settings, host, expected) in [
            (&named, "b.test", "a.test"),
            (&unnamed, "b.test", "b.test"),
            (&unnamed, "b.test.", "b.test"),
            (&unnamed, "backend_1", "backend_1"),
            (&unnamed, "10.0.0.7", "10.0.0.7"),
            (&unnamed, "[fd00::7]:1", "fd00::7"),
        ] {
            assert_eq!(name(settings, host).as_deref(), Ok(expected), "{host}");
        }
        let error = name(&unnamed, "a..b").unwrap_err().to_string();
        assert!(error.starts_with("url=\"https://a..b\" is not valid: expected a host"), "{error}");
        let bad = TlsSettings { server_name: Some("a b".into()), ..TlsSettings::default() };
        let error = name(&bad, "b.test").unwrap_err().to_string();
        assert!(error.starts_with("server_name=\"a b\" is not valid: expected a host"), "{error}");
    }

    #[test]
    fn a_certificate_needs_its_key_and_a_key_its_certificate() {
        let (file, unset) = (Some(PathBuf::from("/f.pem")), TlsSettings::default());
        let certificate = TlsSettings { client_certificate_file: file.clone(), ..unset.clone() };
        let key = TlsSettings { client_key_file: file.clone(), ..unset.clone() };
        let both = TlsSettings { client_key_file: file, ..certificate.clone() };
        let field = |settings: &TlsSettings| settings.client_files().unwrap_err().field;
        assert_eq!(field(&certificate), TlsField::ClientCertificateFile);
        assert_eq!(field(&key), TlsField::ClientKeyFile);
        assert_eq!(both.client_files(), Ok(Some((Path::new("/f.pem"), Path::new("/f.pem")))));
        assert_eq!(unset.client_files(), Ok(None));
        assert_eq!(key.must_be_unset().unwrap_err().field, TlsField::ClientKeyFile);
        assert_eq!(unset.must_be_unset(), Ok(()));
    }
}
