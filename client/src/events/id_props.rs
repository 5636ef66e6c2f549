//! Any value of `Last-Event-ID` is parsed or refused.

use proptest::prelude::*;

use super::*;

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{0,22}",
        "[+-]?[0-9]{1,20}(-[0-9a-fA-F]{7,9})?-?",
        "[0-9]{1,20}-[+ -~]{8}",
        "[٠-٩０-９]{1,4}",
        any::<String>(),
        (1_usize..100_000).prop_map(|digits| "1".repeat(digits)),
    ]
}

/// `NUMBER` or `NUMBER-PROCESS`, both unsigned, the process eight hexadecimal digits.
fn oracle(id: &str, process: u32) -> Option<Option<u64>> {
    let mut parts = id.splitn(2, '-');
    let number = parts.next()?;
    let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok())??;
    let Some(text) = parts.next() else { return Some(Some(number)) };
    let is_process = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_process.then(|| (text.to_ascii_lowercase() == format!("{process:08x}")).then_some(number))
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn an_id_is_a_number_with_an_optional_process(id in ids(), number: u64) {
        let streams = EventStreams::new(1);
        prop_assert_eq!(streams.number(&id), oracle(&id, streams.process), "{}", id);
        prop_assert_eq!(streams.number(&streams.id(number)), Some(Some(number)));
        prop_assert_eq!(streams.number(&number.to_string()), Some(Some(number)));
        let another = EventStreams { process: !streams.process, ..streams.clone() };
        prop_assert_eq!(streams.number(&another.id(number)), Some(None));
    }
}
