//! scripts/checks/upstreams/ validates files against the schema.

use serde_json::json;

use super::{
    super::{route, settings::keys},
    *,
};

#[test]
fn the_schema_has_each_key_and_no_other() {
    let schema = schema();
    let names = |table: &str| {
        let properties = schema["$defs"][table]["properties"].as_object().unwrap();
        let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    };
    let sorted = |keys: &[Key], settings: Vec<&'static str>| {
        let mut names: Vec<_> = keys.iter().map(|key| key.name).chain(settings).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let of_route = |key: &&str| route::SETTINGS.contains(&key.to_uppercase().as_str());
    assert_eq!(names("upstream"), sorted(&UPSTREAM_KEYS, keys().collect()));
    assert_eq!(names("route"), sorted(&ROUTE_KEYS, keys().filter(of_route).collect()));
    assert_eq!(names("tls"), sorted(&TLS_KEYS, Vec::new()));
}

#[test]
fn a_description_has_keys_in_place_of_variables() {
    let schema = schema();
    let property = |name: &str| &schema["$defs"]["upstream"]["properties"][name];
    assert_eq!(
        property("breaker_reset_max"),
        &json!({
            "anyOf": [
                { "type": ["number", "string"], "exclusiveMinimum": 0, "maximum": 2_592_000 },
                { "const": false },
            ],
            "default": 2_592_000,
            "description": "Maximum of that time. At least `breaker_reset_timeout`. Allowed: a number of seconds, more \
                            than 0 and at most 2592000, without a unit.",
        })
    );
    assert_eq!(property("breaker_scope")["enum"], json!(["call", "attempt", false]));
    assert_eq!(property("throttle")["enum"], json!(["off", "on", false, true]));
    let chaos = property("chaos_failure_rate")["description"].as_str().unwrap();
    assert!(chaos.contains("All `chaos_*` require `ADMIN_TOKEN`"), "{chaos}");
}
