//! docs/settings.md has the settings that the code reads. `UPDATE_DOCS=1` writes its tables.

use std::collections::BTreeSet;

use client_service::{
    Config,
    config::{BACKEND_SETTINGS, DEFAULT_PORT, MEANINGS},
};
use resilience_testing::documents::{
    between_marks, check_generated, first_column, read, table_of_settings,
};
use service_edge::{CommonSettings, Settings};

const DOCUMENT: &str = "docs/settings.md";

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
fn the_tables_of_both_services_and_of_the_client_are_those_of_the_code() {
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
    let table = table_of_settings(&common, allowed, &CommonSettings::MEANINGS);
    check_generated(DOCUMENT, "settings of both services", &table);

    let mut settings = Settings::from_pairs(&[]);
    Config::read(&mut settings).unwrap();
    let is_common = |name: &str| common.iter().any(|(other, _)| *other == name);
    let client = settings.effective().iter().filter(|(name, _)| !is_common(name));
    let table = table_of_settings(&client.cloned().collect::<Vec<_>>(), allowed, &MEANINGS);
    check_generated(DOCUMENT, "settings of client-service", &table);
}

#[test]
fn the_client_knows_the_settings_of_the_backend() {
    let document = read(DOCUMENT);
    let documented = first_column(between_marks(&document, "settings of backend-service"));
    let documented: BTreeSet<_> = documented.into_iter().collect();
    assert_eq!(documented, BACKEND_SETTINGS.into());
}
