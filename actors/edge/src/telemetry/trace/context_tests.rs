use actix_web::test::TestRequest;

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn parse(value: &str) -> Option<TraceContext> {
    TraceContext::parse(value.as_bytes())
}

fn received(values: &[&str]) -> Option<TraceContext> {
    let mut request = TestRequest::default();
    for value in values {
        request = request.append_header((TRACEPARENT, *value));
    }
    TraceContext::received(request.to_http_request().headers())
}

#[test]
fn a_valid_header_names_trace_span_and_flags() {
    for (flags, sampled) in [("00", false), ("01", true), ("03", true), ("fe", false)] {
        let context = parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), SPAN);
        assert_eq!(context.is_sampled(), sampled, "{flags}");
        // Flags that this version does not know are not passed on (section 3.2.2.5).
        let sent = format!("00-{TRACE}-{SPAN}-0{}", u8::from(sampled));
        assert_eq!(context.header(), sent.as_str());
    }
}

#[test]
fn a_header_of_a_later_version_is_read_up_to_the_known_fields() {
    for suffix in ["", "-", "-what-the-future-will-bring"] {
        assert!(parse(&format!("01-{TRACE}-{SPAN}-01{suffix}")).is_some(), "{suffix}");
        assert!(parse(&format!("fe-{TRACE}-{SPAN}-01{suffix}")).is_some(), "{suffix}");
    }
    assert!(parse(&format!("01-{TRACE}-{SPAN}-01x")).is_none());
}

#[test]
fn a_bad_header_is_ignored() {
    let good = format!("00-{TRACE}-{SPAN}-01");
    let mut bad = vec![
        String::new(),
        "garbage".to_owned(),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("FE-{TRACE}-{SPAN}-01"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("000-{TRACE}-{SPAN}-01"),
        format!("{TRACE}-{SPAN}-01"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{TRACE}0-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", &SPAN[1..]),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-0G"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("00-{TRACE}-{SPAN}-01-extra"),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{TRACE}-{SPAN} -1"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good},{good}"),
        "\u{e9}".repeat(LENGTH),
        "-".repeat(LENGTH),
    ];
    // Each prefix of it, and each of its characters replaced by one that cannot stand there.
    bad.extend((0..LENGTH).map(|end| good[..end].to_owned()));
    for place in 0..LENGTH {
        for wrong in ["g", "A", " ", "\0", "+"] {
            let mut broken = good.clone();
            broken.replace_range(place..=place, wrong);
            bad.push(broken);
        }
    }
    for value in bad {
        assert_eq!(parse(&value), None, "{value:?}");
    }
}

#[test]
fn a_sent_header_parses_to_the_same_context() {
    for _ in 0..1000 {
        let context = TraceContext { sampled: rand::random(), ..TraceContext::mint() };
        assert_eq!(TraceContext::parse(context.header().as_bytes()), Some(context));
        let child = context.child();
        assert_eq!((child.trace, child.sampled), (context.trace, context.sampled));
        assert_ne!(child.span, context.span);
    }
}

#[test]
fn sampled_requests_are_logged_at_info() {
    for (flags, level) in [("01", Level::Info), ("00", Level::Debug)] {
        let context = parse(&format!("00-{TRACE}-{SPAN}-{flags}")).unwrap();
        assert_eq!((context.level(), context.child().level()), (level, level));
        assert_eq!(context.unsampled().level(), Level::Debug);
    }
}

#[test]
fn several_headers_are_ignored() {
    let good = format!("00-{TRACE}-{SPAN}-01");
    assert!(received(&[&good]).is_some());
    assert!(received(&[]).is_none());
    assert!(received(&[&good, &good]).is_none());
    assert!(received(&["garbage"]).is_none());
}

#[test]
fn a_random_identifier_is_never_zero() {
    let mut draws = [0_u64, 0, 7].into_iter();
    assert_eq!(random(|| draws.next().unwrap()), 7);
}
