//! Properties of the parser of `traceparent`, against a second implementation of the specification's grammar.

use proptest::prelude::*;

use super::*;

/// Parses a header (section 3.2) by splitting it. Returns trace, span, and whether it is sampled.
fn oracle(value: &[u8]) -> Option<(String, String, bool)> {
    let text = std::str::from_utf8(value.get(..55).filter(|_| value.len() >= 55)?).ok()?;
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return None };
    let lengths = [version, trace, span, flags].map(str::len);
    let is_hex = |part: &str| part.chars().all(|c| "0123456789abcdef".contains(c));
    let rest = &value[55..];
    let is_valid = lengths == [2, 32, 16, 2]
        && parts.iter().all(|part| is_hex(part))
        && version != "ff"
        && !trace.trim_matches('0').is_empty()
        && !span.trim_matches('0').is_empty()
        && (rest.is_empty() || version != "00" && rest.starts_with(b"-"));
    let is_sampled = u8::from_str_radix(flags, 16).ok()? % 2 == 1;
    is_valid.then(|| (trace.to_owned(), span.to_owned(), is_sampled))
}

fn headers() -> impl Strategy<Value = Vec<u8>> {
    let near = "(00|01|cc|fe|ff|0A|[0-9a-f]{2})-(0{32}|[0-9a-f]{32}|[0-9A-F]{32}|[0-9a-f]{31,33})-(0{16}|[0-9a-f]{16}|[0-9A-Fg]{16})-[0-9a-f]{2}(-|-[ -~]{0,20}|[ -~]{0,3})?";
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..120),
        4 => near.prop_map(String::into_bytes),
        2 => (near, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        1 => (1_usize..50_000).prop_map(|length| vec![b'0'; length]),
    ]
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_header_is_accepted_exactly_if_the_specification_allows_it(value in headers()) {
        let read = TraceContext::parse(&value);
        let told = read.map(|c| (c.trace_id().to_string(), c.span_id().to_string(), c.is_sampled()));
        prop_assert_eq!(told, oracle(&value));
        if let Some(context) = read {
            // The outgoing header always has version 00.
            prop_assert_eq!(TraceContext::parse(context.header().as_bytes()), Some(context));
            prop_assert_eq!(context.header().len(), LENGTH);
        }
    }
}
