use serde_json::{Value, json};

use super::{
    super::{route, settings::keys},
    *,
};

fn is_valid(file: &Value) -> bool {
    jsonschema::validator_for(&schema()).unwrap().is_valid(file)
}

/// An upstream with this key.
fn with(key: &str, value: Value) -> Value {
    let mut upstream = json!({ "url": "https://p" });
    upstream[key] = value;
    json!({ "upstreams": { "p": upstream } })
}

#[test]
fn the_example_fits_the_schema() {
    let example: Value = toml::from_str(EXAMPLE).unwrap();
    assert!(is_valid(&example));
}

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
fn the_schema_refuses_what_the_reader_refuses() {
    for file in [
        json!({}),
        json!({ "upstreams": {} }),
        json!({ "upstreams": { "p": {} } }),
        json!({ "upstreams": { "P": { "url": "http://p" } } }),
        json!({ "upstreams": { "p": { "url": "http://p" } }, "x": 1 }),
        with("url", json!("ftp://p")),
        with("url", json!("http://p/path")),
        with("url", json!(["http://p"])),
        with("coalesce", json!("on")),
        with("colour", json!(1)),
        with("breaker_fail_max", json!(-1)),
        with("breaker_fail_max", json!(1.5)),
        with("breaker_fail_max", json!(true)),
        with("breaker_failure_rate", json!(0)),
        with("attempt_timeout", json!(2_592_001)),
        with("breaker_scope", json!("calls")),
        with("throttle", json!(1)),
        with("token", json!({ "file": "a", "env": "b" })),
        with("headers", json!({ "x": 1 })),
        with("tls", json!({ "ca": "x" })),
        with("routes", json!([{ "breaker_fail_max": 1 }])),
        with("routes", json!([{ "methods": ["get"] }])),
        with("routes", json!([{ "path": "x" }])),
    ] {
        assert!(!is_valid(&file), "{file}");
    }
}

#[test]
fn the_schema_takes_each_way_to_write_a_value() {
    for (key, value) in [
        ("url", json!("http://[::1]:1/")),
        ("breaker_fail_max", json!("7")),
        ("breaker_window", json!("60s")),
        ("concurrency_max", json!("auto")),
        ("rate_limit", json!("10/s")),
        ("hedge_after", json!(false)),
        ("throttle", json!(true)),
        ("pool_max_age", json!(5)),
        ("body_idle_timeout", json!(0.5)),
        ("token", json!({ "env": "TOKEN" })),
        ("headers", json!({ "x": "y", "z": { "file": "key" } })),
        ("tls", json!({ "server_name": "p" })),
        (
            "routes",
            json!([{ "methods": ["GET"], "path": "/x", "idempotent": true, "hedge_after": 1 }]),
        ),
    ] {
        assert!(is_valid(&with(key, value)), "{key}");
    }
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
