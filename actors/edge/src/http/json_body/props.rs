//! Properties of the parser of bodies: it returns what was sent, or refuses the body with a short message.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Order {
    cups: u32,
    sugar: Option<f64>,
    names: Vec<String>,
}

/// JSON of any shape, with the names of the fields among its keys.
fn json_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(&["cups", "sugar", "names"][..]).prop_map(str::to_owned),
        any::<String>()
    ];
    leaf.prop_recursive(5, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|object| object.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        "[{}\\[\\]\",:0-9eE.+\\-a-z\\\\ ]{0,60}".prop_map(String::into_bytes),
        json_values().prop_map(|value| value.to_string().into_bytes()),
        (json_values(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(value, at, byte)| {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            text
        }),
    ]
}

/// Parses an order without serde's derived code. `None` if the body is not valid.
fn expected(body: &[u8]) -> Option<Order> {
    if body.is_empty() {
        return Some(Order::default());
    }
    let Value::Object(object) = serde_json::from_slice(body).ok()? else { return None };
    let mut order = Order::default();
    for (key, value) in object {
        match key.as_str() {
            "cups" => order.cups = value.as_u64()?.try_into().ok()?,
            "sugar" => order.sugar = if value.is_null() { None } else { Some(value.as_f64()?) },
            "names" => {
                let names = value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
                order.names = names.collect::<Option<_>>()?;
            }
            _ => return None,
        }
    }
    Some(order)
}

fn assert_refusal(error: &ApiError) -> Result<(), TestCaseError> {
    prop_assert_eq!(error.status(), 400);
    prop_assert!(
        !error.message().is_empty() && error.message().len() < 8_000,
        "{}",
        error.message().len()
    );
    prop_assert!(!error.message().contains(char::is_control), "{}", error);
    Ok(())
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_body_parses_to_what_was_sent_or_is_refused(body in bodies()) {
        match (parse::<Order>(&body), expected(&body)) {
            (Ok(order), Some(expected)) => prop_assert_eq!(order, expected),
            // The body has a field twice: a map keeps the last one.
            (Err(error), Some(_)) => prop_assert!(error.message().contains("duplicate field"), "{}", error),
            (Err(error), None) => assert_refusal(&error)?,
            (Ok(order), None) => prop_assert!(false, "{:?} is taken for {:?}", body, order),
        }
    }

    #[test]
    fn a_serialised_order_parses_to_the_same_value(cups: u32, sugar in prop::option::of(any::<i32>().prop_map(f64::from)), names: Vec<String>) {
        let body = json!({ "cups": cups, "sugar": sugar, "names": names }).to_string();
        prop_assert_eq!(parse::<Order>(body.as_bytes()).unwrap(), Order { cups, sugar, names });
    }
}

#[test]
fn oversized_and_malformed_values_are_refused_with_a_short_message() {
    let long = "x".repeat(60_000);
    for body in [
        "{\"cups\":".to_owned() + &"[".repeat(60_000),
        "{\"cups\":".repeat(8_000),
        format!("{{\"{long}\":1}}"),
        format!("{{\"cups\":\"{long}\"}}"),
        format!("{{\"cups\":{}}}", "9".repeat(60_000)),
        format!("{{\"sugar\":{}}}", "9".repeat(60_000)),
        "{\"sugar\":1e999}".to_owned(),
        "{\"sugar\":NaN}".to_owned(),
        "{\"sugar\":Infinity}".to_owned(),
        "{\"cups\":1}{".to_owned(),
        "\u{feff}{}".to_owned(),
        "{\"a\\nb\\u2028\":1}".to_owned(),
    ] {
        let error = parse::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.message().len() < 2_500, "{} bytes", error.message().len());
        assert!(!error.message().contains(|c: char| c.is_control() || c == '\u{2028}'), "{error}");
    }
    let error = parse::<Order>(format!("{{\"{long}\":1}}").as_bytes()).unwrap_err();
    assert!(error.message().contains("expected one of `cups`, `sugar`, `names`"), "{error}");
}
