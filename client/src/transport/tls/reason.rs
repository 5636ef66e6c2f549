//! Says in a sentence why TLS failed.

use std::{borrow::Cow, io};

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// Replaces the text of rustls' errors. Returns other errors, such as a reset, as they are.
pub(in crate::transport) fn explained(error: io::Error) -> io::Error {
    let kind = error.kind();
    if kind == io::ErrorKind::UnexpectedEof {
        return io::Error::new(kind, "connection closed without the end of TLS (close_notify)");
    }
    match error.get_ref().and_then(|error| error.downcast_ref()) {
        Some(error) => io::Error::new(kind, format!("TLS: {}", sentence(error))),
        None => error,
    }
}

fn sentence(error: &Error) -> Cow<'static, str> {
    match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::PeerIncompatible(what) => format!(
            "the server has no version or method of TLS in common with this client: {what:?}"
        )
        .into(),
        Error::InvalidMessage(_) => "the server's bytes are not TLS".into(),
        other => other.to_string().into(),
    }
}

fn of_certificate(error: &CertificateError) -> Cow<'static, str> {
    use CertificateError as E;
    match error {
        E::UnknownIssuer => "the server's certificate has an unknown issuer".into(),
        E::BadSignature => "the signature of the server's certificate is wrong".into(),
        E::NotValidForName => "the server's certificate is for another name".into(),
        E::NotValidForNameContext { expected, .. } => {
            format!("the server's certificate is not for {}", expected.to_str()).into()
        }
        E::Expired | E::ExpiredContext { .. } => "the server's certificate has expired".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".into()
        }
        other => format!("the server's certificate cannot be used: {other}").into(),
    }
}

fn of_alert(alert: AlertDescription) -> Cow<'static, str> {
    use AlertDescription as A;
    match alert {
        A::ProtocolVersion => "the server supports no version of TLS that this client does".into(),
        A::NoApplicationProtocol => "the server does not support HTTP/1.1".into(),
        A::CertificateRequired => "the server requires a client certificate".into(),
        A::UnrecognisedName => "the server does not know the name that it was asked for".into(),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied => {
            format!("the server refused the client's certificate: {alert:?}").into()
        }
        other => format!("the server refused the connection: {other:?}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: Error) -> String {
        explained(io::Error::new(io::ErrorKind::InvalidData, error)).to_string()
    }

    #[test]
    fn alerts_of_the_server_are_sentences() {
        for (alert, expected) in [
            (AlertDescription::ProtocolVersion, "no version of TLS"),
            (AlertDescription::CertificateRequired, "requires a client certificate"),
            (AlertDescription::UnknownCA, "refused the client's certificate: UnknownCA"),
            (AlertDescription::HandshakeFailure, "refused the connection: HandshakeFailure"),
        ] {
            let said = said(Error::AlertReceived(alert));
            assert!(said.starts_with("TLS: the server ") && said.contains(expected), "{said}");
        }
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let reset = explained(io::ErrorKind::ConnectionReset.into());
        assert_eq!(reset.kind(), io::ErrorKind::ConnectionReset);
        let lacking = explained(io::Error::from_raw_os_error(libc::ENOBUFS));
        assert_eq!(lacking.raw_os_error(), Some(libc::ENOBUFS));
    }
}
