//! Files that cannot be used stop the start, with an error that names the file and the reason.

use client_service::Config;
use resilience_testing::certificates::Authority;
use service_edge::Settings;

use crate::backend::file;

fn refused(url: &str, variables: &[(&str, &str)]) -> String {
    let variables = [variables, &[("BACKEND_URL", url)]].concat();
    Config::read(&mut Settings::from_pairs(&variables)).unwrap_err().to_string()
}

#[test]
fn a_file_without_what_it_should_hold_is_named() {
    let identity = Authority::new().issue(&["client.test"]);
    let (certificate, key) = (file(&identity.pem), file(&identity.key_pem));
    let other_key = file(&Authority::new().issue(&["client.test"]).key_pem);
    let (empty, missing) = (file(""), "/nowhere/roots.pem".to_owned());
    let malformed = file("-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n");
    let no_certificate = file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let encrypted = file(&identity.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    for (ca, says) in [
        (&missing, "a readable file: No such file or directory (os error 2)"),
        (&empty, "certificates in PEM, but it has none"),
        (&key, "certificates in PEM, but it has none"),
        (&malformed, "certificates in PEM, but it is malformed"),
        (&no_certificate, "certificates, but number 1 cannot be used: "),
    ] {
        let error = refused("https://backend", &[("BACKEND_CA_FILE", ca)]);
        let expected = format!("BACKEND_CA_FILE={ca:?} is not valid: expected {says}");
        assert!(error.starts_with(&expected), "{error}");
    }
    for (certificate, key, variable, says) in [
        (&empty, &key, "CERT", "certificates in PEM, but it has none"),
        (&certificate, &missing, "KEY", "a readable file: No such file or directory"),
        (&certificate, &certificate, "KEY", "a private key in PEM that is not encrypted"),
        (&certificate, &encrypted, "KEY", "a private key in PEM that is not encrypted"),
        (&certificate, &other_key, "KEY", "the private key of the client's certificate"),
    ] {
        let variables =
            [("BACKEND_CLIENT_CERT_FILE", certificate.as_str()), ("BACKEND_CLIENT_KEY_FILE", key)];
        let error = refused("https://backend", &variables);
        let named = format!("BACKEND_CLIENT_{variable}_FILE=");
        assert!(error.starts_with(&named) && error.contains(says), "{error}");
        let secret = identity.key_pem.lines().nth(1).unwrap();
        assert!(!error.contains(&secret[..16]), "{error}");
    }
}

#[test]
fn settings_of_tls_need_each_other_and_https() {
    let identity = Authority::new().issue(&["client.test"]);
    let (certificate, key) = (file(&identity.pem), file(&identity.key_pem));
    let certificate = [("BACKEND_CLIENT_CERT_FILE", certificate.as_str())];
    let key = [("BACKEND_CLIENT_KEY_FILE", key.as_str())];
    let error = refused("https://backend", &certificate);
    assert!(error.contains("expected the file of its private key to be set too"), "{error}");
    let error = refused("https://backend", &key);
    assert!(error.contains("expected the file of its certificate to be set too"), "{error}");
    for variables in [certificate, key, [("BACKEND_SERVER_NAME", "a")], [("BACKEND_CA_FILE", "a")]]
    {
        let error = refused("http://backend", &variables);
        assert!(error.starts_with(variables[0].0), "{error}");
        assert!(error.ends_with("expected an upstream with an https URL"), "{error}");
    }
}

#[test]
fn a_private_key_is_not_shown_with_the_settings() {
    let identity = Authority::new().issue(&["client.test"]);
    let (certificate, key) = (file(&identity.pem), file(&identity.key_pem));
    let variables = [
        ("BACKEND_URL", "https://backend"),
        ("BACKEND_CLIENT_CERT_FILE", certificate.as_str()),
        ("BACKEND_CLIENT_KEY_FILE", &key),
    ];
    let config = Config::read(&mut Settings::from_pairs(&variables)).unwrap();
    assert!(config.summary.contains(&format!("BACKEND_CLIENT_KEY_FILE={key} ")));
    let shown = format!("{config:?}");
    assert!(shown.contains("TlsConfig { server_name: DnsName(\"backend\"), .. }"), "{shown}");
}
