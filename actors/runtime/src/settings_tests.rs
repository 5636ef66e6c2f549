use super::*;
use crate::retry::Backoff;

#[test]
fn defaults_are_valid() {
    assert_eq!(CallConfig::try_from(CallSettings::default()), Ok(CallConfig::default()));
    assert_eq!(Retry::default().validate(), Ok(()));
    assert_eq!(Retry::exponential(Duration::from_secs(60)).validate(), Ok(()));
}

#[test]
fn contradicting_settings_are_both_named_in_the_error() {
    let retry = Retry { base_delay: Duration::from_secs(11), ..Retry::default() };
    assert_eq!(
        retry.validate().unwrap_err().to_string(),
        "max_delay = 10 is not valid: expected no less than base_delay = 11"
    );
}

#[test]
fn a_setting_without_effect_names_the_setting_that_takes_it() {
    let retry = Retry::default;
    let decorrelated = retry().decorrelated_jitter();
    for (retry, error) in [
        (
            Retry { backoff: Backoff::Linear, ..decorrelated.clone() },
            "jitter_mode = decorrelated is not valid: expected proportional or full with backoff = linear",
        ),
        (
            Retry { multiplier: 3.0, ..decorrelated },
            "multiplier = 3 is not valid: expected 2 with jitter_mode = decorrelated",
        ),
        (
            Retry { multiplier: 3.0, backoff: Backoff::Constant, ..retry() },
            "multiplier = 3 is not valid: expected 2 with backoff = constant",
        ),
    ] {
        assert_eq!(retry.validate().unwrap_err().to_string(), error);
    }
    assert_eq!(Retry { multiplier: 3.0, ..retry().full_jitter() }.validate(), Ok(()));
}

#[test]
fn waits_at_gates_and_a_hedge_fit_into_the_time_of_the_call() {
    let settings = CallSettings {
        attempt_timeout: Some(Duration::from_secs(3)),
        call_deadline: Some(Duration::from_secs(6)),
        ..CallSettings::default()
    };
    let check = |settings: CallSettings| {
        CallConfig::try_from(settings).map_err(|error: InvalidConfig| error.to_string())
    };
    let queue = |wait| Concurrency::at_most(1).queue(1).wait(Duration::from_secs(wait));
    let limited = |concurrency| CallSettings { concurrency: Some(concurrency), ..settings.clone() };
    assert!(check(limited(queue(3))).is_ok());
    assert!(check(limited(Concurrency::at_most(1).wait(Duration::from_secs(9)))).is_ok());
    assert_eq!(
        check(limited(queue(4))).unwrap_err(),
        "concurrency_wait = 4 is not valid: expected no more, with the attempt timeout and other waits, than \
         call_deadline = 6"
    );
    let both = CallSettings {
        rate: Some(Rate::per_second(1).wait(Duration::from_secs(2))),
        ..limited(queue(2))
    };
    assert!(check(both).unwrap_err().starts_with("concurrency_wait = 2 "));
    let hedge = Some(Hedge::after(Duration::from_secs(3)));
    assert_eq!(
        check(CallSettings { hedge, ..settings.clone() }).unwrap_err(),
        "hedge_after = 3 is not valid: expected less than attempt_timeout = 3"
    );
}

#[test]
fn a_retry_budget_requires_retries_and_must_allow_some() {
    let (retry, budget) = (Some(Retry::default()), RetryBudget::share);
    let check = |retry, budget: RetryBudget| {
        let settings =
            CallSettings { retry, retry_budget: Some(budget), ..CallSettings::default() };
        CallConfig::try_from(settings).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(check(retry.clone(), budget(0.0)), Ok(()));
    assert_eq!(
        check(None, budget(0.2)).unwrap_err(),
        "retry_budget = 0.2 is not valid: expected retry or hedge to be set"
    );
    assert_eq!(
        check(retry, budget(0.0).min_per_second(0.0)).unwrap_err(),
        "retry_budget = 0 is not valid: expected more than 0 with retry_budget_min = 0"
    );
}

#[test]
fn an_out_of_range_setting_is_named_in_the_error() {
    let retry = |retry| CallSettings { retry: Some(retry), ..CallSettings::default() };
    let budget = |budget| CallSettings { retry_budget: Some(budget), ..retry(Retry::default()) };
    let (default, second) = (Retry::default, Duration::from_secs(1));
    let times = |attempt_timeout, call_deadline| CallSettings {
        attempt_timeout: Some(attempt_timeout),
        call_deadline: Some(call_deadline),
        ..CallSettings::default()
    };
    let waiting = Rate::per_second(1).wait(3 * second);
    let hedge = |hedge| CallSettings { hedge: Some(hedge), ..CallSettings::default() };
    let bad = [
        ("max_attempts", retry(Retry { max_attempts: 0, ..default() })),
        ("base_delay", retry(Retry { base_delay: Duration::ZERO, ..default() })),
        ("multiplier", retry(Retry { multiplier: 0.5, ..default() })),
        ("multiplier", retry(Retry { multiplier: f64::NAN, ..default() })),
        ("max_delay", retry(Retry { max_delay: Duration::MAX, ..default() })),
        ("max_delay", retry(Retry { max_delay: Duration::from_millis(999), ..default() })),
        ("jitter", retry(Retry { jitter: 1.1, ..default() })),
        ("jitter", retry(Retry { jitter: -0.1, ..default() })),
        ("retry_budget", budget(RetryBudget::share(1.1))),
        ("retry_budget_min", budget(RetryBudget::share(0.2).min_per_second(-1.0))),
        ("attempt_timeout", times(Duration::ZERO, second)),
        ("call_deadline", times(second, Duration::ZERO)),
        ("call_deadline", times(second, second / 2)),
        ("rate_wait", CallSettings { rate: Some(waiting), ..times(second, 2 * second) }),
        (
            "throttle_ratio",
            CallSettings { throttle: Some(Throttle::ratio(0.9)), ..Default::default() },
        ),
        ("hedge_after", hedge(Hedge::after(Duration::ZERO))),
        ("hedge_after", hedge(Hedge::after_percentile(0.49))),
        ("hedge_after", hedge(Hedge::after_percentile(1.0))),
        ("hedge_after", hedge(Hedge::after_percentile(f64::NAN))),
        ("hedge_max", hedge(Hedge::after(second).at_most(0))),
        ("hedge_max", hedge(Hedge::after(second).at_most(11))),
        ("connect_retries", CallSettings { connect_retries: 101, ..Default::default() }),
    ];
    for (field, settings) in bad {
        let error = CallConfig::try_from(settings).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}

#[test]
fn deserialized_durations_are_seconds_and_settings_are_validated() {
    let read = |json: &str| serde_json::from_str::<CallConfig>(json);
    let config = read(r#"{"retry": {"max_attempts": 2}, "attempt_timeout": 0.5}"#).unwrap();
    assert_eq!(config.attempt_timeout, Some(Duration::from_millis(500)));
    assert_eq!((config.retry.clone().unwrap().max_attempts, config.call_deadline), (2, None));
    let again = serde_json::to_string(&config).unwrap();
    assert_eq!(read(&again).unwrap(), config);
    for (json, error) in [
        (r#"{"attempt_timeout": 0}"#, "attempt_timeout = 0 is not valid: expected seconds"),
        (r#"{"attempt_timeout": -1}"#, "expected seconds"),
        (r#"{"retry": {"max_attempt": 2}}"#, "unknown field `max_attempt`"),
    ] {
        let told = read(json).unwrap_err().to_string();
        assert!(told.contains(error), "{told}");
    }
}
