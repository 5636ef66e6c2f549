//! Any query of the history is parsed or refused.

use proptest::prelude::*;

use super::*;

fn queries() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&EventType::ALL[..]).prop_map(|of| of.to_string());
    let value =
        prop_oneof![4 => name, 2 => "[0-9]{1,4}", 1 => "[+-]?[0-9]{0,25}", 1 => "[ -~]{0,8}"];
    let pair = ("(limit|type|upstream|Limit|types|%6cimit)", value)
        .prop_map(|(key, value)| format!("{key}={value}"));
    prop_oneof![
        4 => prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&")),
        1 => "(limit=|type=)?(%[0-9a-fA-F]{0,2}|[ -~]){0,20}",
        1 => any::<String>(),
        1 => (1_usize..3_000).prop_map(|times| format!("type={}call", "reset,".repeat(times))),
        1 => (1_usize..60_000).prop_map(|length| format!("type={}", "%0a".repeat(length / 3))),
    ]
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_query_is_bounded_or_refused_with_a_short_message(query in queries()) {
        match Query::parse(&query) {
            Ok(Query { limit, filter: Filter { types, .. } }) => {
                prop_assert!(limit.is_none_or(|limit| (1..=MAX_LIMIT).contains(&limit)));
                prop_assert!(types.len() <= EventType::ALL.len(), "{} types", types.len());
            }
            Err(error) => {
                prop_assert_eq!(error.status(), 400);
                prop_assert!(error.message().len() < 8_000, "{} bytes", error.message().len());
                prop_assert!(!error.message().contains(char::is_control), "{}", error);
            }
        }
    }

    #[test]
    fn a_formatted_query_parses_to_the_same_value(
        limit in prop::option::of(1..=MAX_LIMIT),
        types in prop::sample::subsequence(EventType::ALL.to_vec(), 0..=EventType::ALL.len()),
        upstream in prop::option::of("[a-z0-9_-]{1,20}"),
        at_once: bool,
    ) {
        let names: Vec<_> = types.iter().map(ToString::to_string).collect();
        let mut pairs: Vec<_> = limit.iter().map(|limit| format!("limit={limit}")).collect();
        pairs.extend(upstream.iter().map(|name| format!("upstream={name}")));
        if at_once && !names.is_empty() {
            pairs.push(format!("type={}", names.join(",")));
        } else {
            pairs.extend(names.iter().map(|name| format!("type={name}")));
        }
        let expected = Query { limit, filter: Filter { types, upstream } };
        prop_assert_eq!(Query::parse(&pairs.join("&")).unwrap(), expected);
    }
}

#[test]
fn repeated_types_are_kept_once() {
    let query = format!("type={}call", "reset,".repeat(10_000));
    assert_eq!(Query::parse(&query).unwrap().filter.types, [EventType::Reset, EventType::Call]);
}

#[test]
fn a_value_with_line_breaks_makes_a_one_line_error() {
    for query in ["limit=1%0aINFO", "type=call%0d%0aSet-Cookie:x", "%0a=1"] {
        let error = Query::parse(query).unwrap_err();
        assert!(!error.message().contains(char::is_control), "{error}");
    }
}
