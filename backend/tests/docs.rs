//! docs/settings.md has the settings that the code reads. `UPDATE_DOCS=1` writes its table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should end")]

use backend_service::config::{CLIENT_SETTINGS, Config, MEANINGS};
use resilience_testing::documents::{check_settings, documented_settings};
use service_edge::{CommonSettings, Settings};

/// What the service says is allowed if a variable is empty.
fn allowed(name: &str) -> String {
    let variables = [(name, "")];
    let error = Config::read(&mut Settings::from_pairs(&variables)).unwrap_err().to_string();
    error.split_once("expected ").unwrap().1.to_owned()
}

#[test]
fn the_settings_table_of_the_backend_matches_the_code() {
    let mut settings = Settings::from_pairs(&[]);
    Config::read(&mut settings).unwrap();
    let is_common = |name: &str| CommonSettings::MEANINGS.iter().any(|(other, _)| *other == name);
    let backend = settings.effective().iter().filter(|(name, _)| !is_common(name));
    check_settings("backend-service", backend, allowed, &MEANINGS);
}

#[test]
fn the_backend_knows_the_settings_of_the_client() {
    let names = CLIENT_SETTINGS.map(str::to_owned);
    assert_eq!(documented_settings("client-service"), names.into());
}
