//! Makes schemas that are derived from Rust types fit for readers of JSON.

use serde_json::{Map, Value};

const TEXTS: [&str; 2] = ["description", "summary"];

/// Replaces links of rustdoc by their text, and lets parts of a schema stand beside each other, and alternatives
/// overlap.
pub(super) fn tidy(document: &mut Value) {
    visit(document);
    let mut parts = Vec::new();
    find_parts(document, &mut parts);
    for name in parts {
        // A part refuses the other parts' properties otherwise.
        if let Some(Value::Object(schema)) = document["components"]["schemas"].get_mut(&name) {
            schema.remove("additionalProperties");
        }
    }
}

/// The names of all schemas that an `allOf` refers to.
fn find_parts(value: &Value, parts: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(all)) = object.get("allOf") {
                let names = all.iter().filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
                parts.extend(names.map(str::to_owned));
            }
            object.values().for_each(|value| find_parts(value, parts));
        }
        Value::Array(values) => values.iter().for_each(|value| find_parts(value, parts)),
        _ => {}
    }
}

fn visit(value: &mut Value) {
    match value {
        Value::Object(object) => {
            replace_in_texts(object);
            // A value can fit several variants of an untagged enum.
            if let Some(alternatives) = object.remove("oneOf") {
                object.insert("anyOf".to_owned(), alternatives);
            }
            object.values_mut().for_each(visit);
        }
        Value::Array(values) => values.iter_mut().for_each(visit),
        _ => {}
    }
}

fn replace_in_texts(object: &mut Map<String, Value>) {
    for name in TEXTS {
        if let Some(Value::String(text)) = object.get_mut(name) {
            *text = without_links(text);
        }
    }
}

/// The text with `[words](target)` as `words`, and `` [`Type`] `` as `` `Type` ``. A target with a scheme stays.
fn without_links(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((words, after)) = link.split_once(']') else {
            return plain + "[" + link;
        };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        match target {
            Some((target, after)) if !target.contains("://") => {
                plain.push_str(words);
                rest = after;
            }
            _ if target.is_none() && words.starts_with('`') => {
                plain.push_str(words);
                rest = after;
            }
            _ => {
                plain.extend(["[", words, "]"]);
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_of_rustdoc_become_their_text() {
        for (text, expected) in [
            ("one of [`DURATIONS`](crate::DURATIONS), default 1", "one of `DURATIONS`, default 1"),
            ("a [stale](crate::fallback) one", "a stale one"),
            ("The counters of [`StatsBody`].", "The counters of `StatsBody`."),
            ("[1, 2] and [see](https://x.org)", "[1, 2] and [see](https://x.org)"),
            ("an open [", "an open ["),
        ] {
            assert_eq!(without_links(text), expected);
        }
    }

    #[test]
    fn a_value_may_fit_several_alternatives() {
        let mut schema = json!({ "items": { "oneOf": [{}, { "type": "string" }] } });
        tidy(&mut schema);
        assert_eq!(schema, json!({ "items": { "anyOf": [{}, { "type": "string" }] } }));
    }

    #[test]
    fn a_part_of_a_schema_takes_the_properties_of_the_other_parts() {
        let mut document = json!({ "components": { "schemas": {
            "Whole": { "allOf": [{ "$ref": "#/components/schemas/Part" }] },
            "Part": { "type": "object", "additionalProperties": false },
            "Alone": { "type": "object", "additionalProperties": false },
        }}});
        tidy(&mut document);
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["Part"], json!({ "type": "object" }));
        assert_eq!(schemas["Alone"]["additionalProperties"], false);
    }
}
