//! docs/settings.md has the settings that the code reads. `UPDATE_DOCS=1` writes its tables.

use client_service::{
    Config, config::DEFAULT_PORT, meanings::MEANINGS, policy_settings::BACKEND_SETTINGS,
};
use resilience_testing::documents::{check_settings, documented_settings};
use service_edge::{CommonSettings, Settings};

/// What a service says is allowed if a variable is empty, which no setting but the pod's name may be.
fn allowed(name: &str) -> String {
    let variables = [(name, "")];
    let refused = Config::read(&mut Settings::from_pairs(&variables)).map_err(|e| e.to_string());
    match refused.as_ref().map_err(|line| line.split_once("expected ").unwrap().1) {
        Err(allowed) => allowed.to_owned(),
        Ok(_) => "a text".to_owned(),
    }
}

#[test]
fn the_settings_tables_match_the_code() {
    let mut settings = Settings::from_pairs(&[]);
    CommonSettings::read(&mut settings, DEFAULT_PORT).unwrap();
    settings.pod();
    let mut common = settings.effective().to_vec();
    for (name, default) in &mut common {
        match *name {
            "PORT" => "5000 / 8000".clone_into(default),
            "WORKERS" => "cores".clone_into(default),
            _ => {}
        }
    }
    check_settings("both services", &common, allowed, &CommonSettings::MEANINGS);

    let mut settings = Settings::from_pairs(&[]);
    Config::read(&mut settings).unwrap();
    let is_common = |name: &str| common.iter().any(|(other, _)| *other == name);
    let client = settings.effective().iter().filter(|(name, _)| !is_common(name));
    check_settings("client-service", client, allowed, &MEANINGS);
}

#[test]
fn the_client_knows_the_settings_of_the_backend() {
    let names = BACKEND_SETTINGS.map(str::to_owned);
    assert_eq!(documented_settings("backend-service"), names.into());
}
