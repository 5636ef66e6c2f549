use proptest::prelude::*;

use super::*;

/// The parts of a file, separated by spaces.
const WORDS: &str = "[upstreams.p]\n [[upstreams.p.routes]]\n [upstreams.p.headers]\n [upstreams]\n url token tls \
                     routes methods path headers retry_max_attempts rate_limit rate_burst attempt_timeout \
                     hedge_after pool_max_age endpoints eject_max_share = = = \n \n \n \"http://p\" \"/x\" [ ] { } env=\"TOKEN\" \
                     file=\"binary\" , 1 -0.5 1e9 nan 0xffffffffffffffffffff true false \"x\" \"\\u0000\" ' \" \
                     1979-05-27 \u{e4}";

/// Texts that resemble a file.
fn texts() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS.split(' ').collect::<Vec<_>>());
    let words = prop::collection::vec(word, 0..40).prop_map(|words| words.concat());
    let begun =
        words.clone().prop_map(|words| format!("[upstreams.p]\nurl = \"http://p\"\n{words}"));
    prop_oneof![any::<String>(), words, begun]
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn no_text_panics_and_each_error_has_a_line_and_a_column_of_the_text(text in texts()) {
        match parse(&text, &sources()) {
            Ok(upstreams) => prop_assert!(!upstreams.is_empty() && read(&show(&upstreams)).is_ok()),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    let shown = error.to_string();
                    let mut parts = shown.splitn(3, ':').map(str::parse::<usize>);
                    let lines = text.split('\n').count();
                    prop_assert!(parts.next().unwrap().is_ok_and(|line| (1..=lines).contains(&line)), "{}", shown);
                    prop_assert!(parts.next().unwrap().is_ok_and(|column| column > 0), "{}", shown);
                    prop_assert!(!shown.contains('\n'), "{}", shown);
                }
            }
        }
    }
}
