//! Checks of a service's OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The methods of each path of the document, in capital letters.
pub fn methods(document: &Value) -> BTreeMap<&str, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    let methods =
        |item: &Value| item.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
    paths.iter().map(|(path, item)| (path.as_str(), methods(item))).collect()
}

/// Panics unless each operation has a summary, answers and an id of its own, and each reference leads to something.
pub fn assert_whole(document: &Value) {
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(
                operation["summary"].as_str().is_some_and(|text| text.ends_with('.')),
                "{what}"
            );
            let answers = operation["responses"].as_object().unwrap();
            let good = answers.keys().any(|status| status.starts_with('2') || status == "default");
            assert!(good, "{what}: {answers:?}");
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{what}: the id");
        }
    }
    let text = document.to_string();
    for link in text.split("\"$ref\":\"#").skip(1) {
        let target = link.split('"').next().unwrap();
        assert!(document.pointer(target).is_some(), "{target} is not in the document");
    }
}

/// Panics unless each path of the document takes the methods that it has there, and no other.
///
/// `allowed` returns the `Allow` header of the answer to OPTIONS.
pub async fn assert_methods(document: &Value, allowed: impl AsyncFn(&str) -> String) {
    for (path, documented) in methods(document) {
        // Those of other servers answer OPTIONS themselves.
        if documented.contains("OPTIONS") {
            continue;
        }
        let allow = allowed(path).await;
        let taken: BTreeSet<_> = allow
            .split(", ")
            .filter(|method| !["HEAD", "OPTIONS"].contains(method))
            .map(str::to_owned)
            .collect();
        assert_eq!(taken, documented, "{path}");
    }
}
