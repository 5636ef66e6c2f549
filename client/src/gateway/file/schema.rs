//! The JSON schema of the file, for editors and checks. It is made from the lists of keys and from the parser of
//! settings; `schemars` would need a type for each table, which the one parser does not have.

use serde_json::{Map, Value, json};
use service_edge::UNSET;

use super::{
    keys::{Key, ROUTE_KEYS, TLS_KEYS, UPSTREAM_KEYS},
    route::SETTINGS,
    settings::{KNOWN, Known, allowed, in_keys},
};
use crate::meanings::MEANINGS;

/// The schema, of draft 2020-12.
///
/// It has no contradictions between settings, which `client-service check` finds.
pub fn schema() -> Value {
    let settings = |of_route: bool| {
        KNOWN
            .iter()
            .filter(move |known| !of_route || SETTINGS.contains(&known.variable))
            .filter_map(|known| Some((known.key.clone(), setting(known)?)))
    };
    let upstream = settings(false).chain(UPSTREAM_KEYS.iter().map(described)).collect();
    let route = settings(true).chain(ROUTE_KEYS.iter().map(described)).collect();
    let tls = TLS_KEYS.iter().map(described).collect();
    let mut upstream = table(&upstream);
    upstream["required"] = json!(["url"]);
    let reference = json!({
        "type": "object", "properties": { "file": { "type": "string" }, "env": { "type": "string" } },
        "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The upstreams of client-service",
        "type": "object",
        "properties": {
            "upstreams": {
                "type": "object",
                "propertyNames": { "pattern": "^[a-z0-9_-]{1,63}$" },
                "additionalProperties": { "$ref": "#/$defs/upstream" },
                "minProperties": 1,
            },
        },
        "required": ["upstreams"],
        "additionalProperties": false,
        "$defs": {
            "upstream": upstream,
            "route": table(&route),
            "tls": table(&tls),
            "secret": { "anyOf": [{ "type": "string" }, reference] },
        },
    })
}

fn table(properties: &Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// The schema of a key that is no setting of the environment.
fn described(key: &Key) -> (String, Value) {
    let mut schema = match key.name {
        "url" => {
            let url = json!({ "type": "string", "pattern": "^https?://[^/?#@]+/?$" });
            let list = json!({ "type": "array", "minItems": 1, "maxItems": 1000, "items": url });
            json!({ "anyOf": [url, list] })
        }
        "endpoints" => json!({ "enum": ["one", "all"] }),
        "eject_failure_rate_gap" | "eject_max_share" => {
            json!({ "type": ["number", "string"], "minimum": 0, "maximum": 1 })
        }
        "eject_consecutive_failures" => json!({ "type": ["integer", "string"], "minimum": 0 }),
        "eject_min_calls" => json!({ "type": ["integer", "string"], "minimum": 1 }),
        "headers" => {
            json!({ "type": "object", "additionalProperties": { "$ref": "#/$defs/secret" } })
        }
        "token" => json!({ "$ref": "#/$defs/secret" }),
        "tls" => json!({ "$ref": "#/$defs/tls" }),
        "body_idle_timeout" | "eject_base_time" | "eject_max_time" => {
            json!({ "type": ["number", "string"], "exclusiveMinimum": 0 })
        }
        "routes" => {
            json!({ "type": "array", "maxItems": 1000, "items": { "$ref": "#/$defs/route" } })
        }
        "methods" => json!({
            "type": "array", "minItems": 1, "items": { "type": "string", "pattern": "^[A-Z-]+$" },
        }),
        "path" => json!({ "type": "string", "pattern": "^/" }),
        "idempotent" => json!({ "type": "boolean" }),
        _ => json!({ "type": "string" }),
    };
    schema["description"] = key.meaning.into();
    (key.name.to_owned(), schema)
}

/// The schema of a setting of the environment. `None` if it is none.
fn setting(known: &Known) -> Option<Value> {
    let Known { variable: name, default, .. } = known;
    let (_, meaning) = MEANINGS.iter().find(|(other, _)| other == name)?;
    let allowed = allowed(name).unwrap_or_else(|| "a text".to_owned());
    let mut schema = choices(&allowed).unwrap_or_else(|| {
        let number = if allowed.contains("whole number") { "integer" } else { "number" };
        let mut given = json!({ "type": [number, "string"] });
        for (bound, number) in bounds(&allowed) {
            given[bound] = number;
        }
        json!({ "anyOf": [given, { "const": false }] })
    });
    schema["description"] = format!("{} Allowed: {allowed}.", in_keys(meaning)).into();
    if default != UNSET {
        schema["default"] = number(default).unwrap_or_else(|| default.as_str().into());
    }
    Some(schema)
}

/// The schema of a setting that is one of several words.
fn choices(allowed: &str) -> Option<Value> {
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words: Vec<&str> = allowed.split(" or ").collect();
    if words.len() < 2 || !words.iter().all(is_word) {
        return None;
    }
    let on = words.contains(&"on").then_some(true);
    let choices =
        words.iter().map(|word| json!(word)).chain([json!(false)]).chain(on.map(Value::from));
    Some(json!({ "enum": choices.collect::<Vec<_>>() }))
}

/// The bounds of a number, as the error of a setting says them.
fn bounds(allowed: &str) -> Vec<(&'static str, Value)> {
    let between = |before: &str, between: &str| {
        let (low, rest) = allowed.split_once(before)?.1.split_once(between)?;
        let high = rest.split([' ', ',']).next()?;
        Some((number(low)?, number(high)?))
    };
    if let Some((low, high)) = between("more than ", " and at most ") {
        return vec![("exclusiveMinimum", low), ("maximum", high)];
    }
    let inclusive = between("from ", " to ");
    inclusive.map_or_else(Vec::new, |(low, high)| vec![("minimum", low), ("maximum", high)])
}

fn number(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(Value::is_number)
}
