use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// The endpoints 0 to `count`, with a clock that the test moves.
struct Fixture {
    ejections: Ejections,
    now: Instant,
}

impl Fixture {
    fn new(count: u64, settings: EjectionSettings) -> Self {
        let (mut ejections, now) = (Ejections::new(settings), Instant::now());
        assert_eq!(ejections.replace((0..count).map(EndpointId), now), []);
        Self { ejections, now }
    }

    fn report(&mut self, id: u64, failed: bool) -> Vec<Change> {
        self.ejections.report(EndpointId(id), failed, self.now)
    }

    /// The time for which failures in a row eject an endpoint, if they do.
    fn fail(&mut self, id: u64, times: usize) -> Option<Duration> {
        (0..times).flat_map(|_| self.report(id, true)).find_map(|change| match change {
            Change::Ejected { time, .. } => Some(time),
            Change::Returned { .. } => None,
        })
    }

    fn pass(&mut self, time: Duration) -> Vec<Change> {
        self.now += time;
        self.ejections.tick(self.now)
    }

    fn is_ejected(&self, id: u64) -> bool {
        self.ejections.until(EndpointId(id)).is_some()
    }
}

fn returned(id: u64) -> Vec<Change> {
    vec![Change::Returned { id: EndpointId(id) }]
}

#[test]
fn failures_in_a_row_eject_an_endpoint_and_a_success_between_them_does_not() {
    let mut fixture = Fixture::new(3, EjectionSettings::default());
    assert_eq!(fixture.fail(0, 4), None);
    fixture.report(0, false);
    assert_eq!(fixture.fail(0, 4), None);
    let (id, time, cause) = (EndpointId(0), 10 * SECOND, Cause::Consecutive(5));
    assert_eq!(fixture.report(0, true), [Change::Ejected { id, time, cause }]);
    assert_eq!(fixture.report(0, true), [], "what was in flight says nothing new");
    assert_eq!(fixture.pass(10 * SECOND - SECOND / 1000), []);
    assert_eq!(fixture.pass(SECOND / 1000), returned(0));
}

#[test]
fn an_endpoint_that_returns_is_ejected_for_longer_at_its_first_failure() {
    let settings = EjectionSettings { max_time: 25 * SECOND, ..EjectionSettings::default() };
    let mut fixture = Fixture::new(3, settings);
    assert_eq!(fixture.fail(0, 5), Some(10 * SECOND));
    for (before, expected) in [(10, 20), (20, 25), (25, 25)] {
        assert_eq!(fixture.pass(before * SECOND), returned(0));
        assert_eq!(fixture.fail(0, 1), Some(expected * SECOND));
    }
}

#[test]
fn an_endpoint_that_was_well_for_long_is_ejected_as_at_first() {
    let mut fixture = Fixture::new(3, EjectionSettings::default());
    fixture.fail(0, 5);
    fixture.pass(10 * SECOND);
    assert_eq!(fixture.fail(0, 1), Some(20 * SECOND));
    fixture.pass(20 * SECOND);
    fixture.report(0, false);
    assert_eq!(fixture.fail(0, 4), None, "a success came first");
    fixture.pass(10 * SECOND);
    assert_eq!(fixture.fail(0, 1), Some(20 * SECOND), "one base time takes one ejection off");
    fixture.pass(20 * SECOND);
    fixture.report(0, false);
    fixture.pass(100 * SECOND);
    assert_eq!(fixture.fail(0, 5), Some(10 * SECOND));
}

#[test]
fn an_endpoint_whose_share_of_failures_is_far_above_that_of_the_others_is_ejected() {
    let mut fixture = Fixture::new(3, EjectionSettings::default());
    let mut changes = Vec::new();
    for round in 0..20 {
        for id in 0..3 {
            // Endpoint 0 fails every second time, the others every tenth.
            let failed = round % if id == 0 { 2 } else { 10 } == 1;
            changes.extend(fixture.report(id, failed));
        }
    }
    let [Change::Ejected { id: EndpointId(0), cause: Cause::FailureRate(own, others), .. }] =
        changes[..]
    else {
        panic!("{changes:?}")
    };
    assert!((own - 0.5).abs() < 0.03 && (others - 0.1).abs() < 0.03, "{own} {others}");
}

#[test]
fn endpoints_that_fail_alike_are_not_ejected_for_their_share_of_failures() {
    let mut fixture = Fixture::new(3, EjectionSettings::default());
    for round in 0..100 {
        for id in 0..3 {
            assert_eq!(fixture.report(id, round % 2 == 0), []);
        }
    }
}

#[test]
fn too_few_attempts_say_nothing_about_a_share() {
    for (own, others) in [(19, 100), (100, 9)] {
        let mut fixture = Fixture::new(3, EjectionSettings::default());
        for id in 1..3 {
            (0..others).for_each(|_| assert_eq!(fixture.report(id, false), []));
        }
        for round in 0..own {
            assert_eq!(fixture.report(0, round % 2 == 0), []);
        }
    }
}

#[test]
fn no_more_than_the_share_is_ejected() {
    for (count, share, most) in
        [(3, 0.5, 1), (2, 0.5, 1), (1, 0.5, 0), (4, 0.5, 2), (3, 0.0, 0), (100, 0.29, 29)]
    {
        let settings = EjectionSettings { max_share: share, ..EjectionSettings::default() };
        let mut fixture = Fixture::new(count, settings);
        let ejected = (0..count).filter(|id| fixture.fail(*id, 20).is_some()).count();
        assert_eq!(ejected, most, "{count} {share}");
    }
}

#[test]
fn an_endpoint_that_stays_keeps_its_health_and_fewer_endpoints_mean_fewer_ejections() {
    let mut fixture = Fixture::new(4, EjectionSettings::default());
    fixture.fail(0, 5);
    fixture.pass(SECOND);
    fixture.fail(1, 5);
    fixture.fail(2, 4);
    let now = fixture.now;
    let mut replace =
        |ids: &[u64]| fixture.ejections.replace(ids.iter().copied().map(EndpointId), now);
    assert_eq!(replace(&[0, 1, 2, 4, 5]), []);
    // Two of three are too many. The ejection of endpoint 0 would end first.
    assert_eq!(replace(&[0, 1, 2]), returned(0));
    assert!(fixture.is_ejected(1) && !fixture.is_ejected(0));
    assert_eq!(fixture.pass(10 * SECOND), returned(1));
    assert_eq!(fixture.fail(2, 1), Some(10 * SECOND), "its fifth failure");
}

/// What happens to an upstream.
#[derive(Debug, Clone)]
enum Event {
    Report { id: u64, failed: bool },
    Pass { millis: u64 },
    Replace { first: u64, count: u64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => (0..8_u64, prop::bool::weighted(0.8)).prop_map(|(id, failed)| Event::Report { id, failed }),
        2 => (0..30_000_u64).prop_map(|millis| Event::Pass { millis }),
        1 => (0..4_u64, 1..6_u64).prop_map(|(first, count)| Event::Replace { first, count }),
    ];
    prop::collection::vec(event, 0..300)
}

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn never_more_than_the_share_is_ejected_and_never_for_longer_than_the_maximum(
        events in events(),
        max_share in 0.0..=1.0,
    ) {
        let settings = EjectionSettings { max_share, ..EjectionSettings::default() };
        let mut fixture = Fixture::new(5, settings);
        for event in events {
            match event {
                Event::Report { id, failed } => drop(fixture.report(id, failed)),
                Event::Pass { millis } => drop(fixture.pass(Duration::from_millis(millis))),
                Event::Replace { first, count } => {
                    let ids = (first..first + count).map(EndpointId);
                    fixture.ejections.replace(ids, fixture.now);
                }
            }
            let all = &fixture.ejections.all;
            let until: Vec<_> = all.values().filter_map(Health::until).collect();
            prop_assert_eq!(until.len(), fixture.ejections.ejected);
            prop_assert!(until.len() as f64 <= max_share * all.len() as f64);
            for until in until {
                prop_assert!(until.saturating_duration_since(fixture.now) <= 300 * SECOND);
            }
            prop_assert_eq!(fixture.ejections.next_return(), all.values().filter_map(Health::until).min());
        }
    }
}
