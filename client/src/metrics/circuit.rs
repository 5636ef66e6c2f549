//! The metrics of a circuit breaker and of its calls, by the names of resilience4j.

use resilience_actors::{Breaker, Mode, State};
use service_edge::metrics::Families;

use super::number;
use crate::stats::Tally;

const STATES: [State; 3] = [State::Closed, State::Open, State::HalfOpen];

/// The state's name in resilience4j's metrics.
fn state_label(state: State, mode: Mode) -> &'static str {
    match (mode, state) {
        (Mode::ForcedOpen, _) => "forced_open",
        (Mode::Disabled, _) => "disabled",
        (Mode::Auto, State::Closed) => "closed",
        (Mode::Auto, State::Open) => "open",
        (Mode::Auto, State::HalfOpen) => "half_open",
    }
}

/// Adds the state of a circuit breaker, and its counts.
pub(super) fn add(families: &mut Families, breaker: &Breaker) {
    let (name, counts) = (&**breaker.name(), breaker.counts());
    let (state, mode) = breaker.state_and_mode();
    let current = state_label(state, mode);
    for state in ["closed", "open", "half_open", "forced_open", "disabled"] {
        families.gauges(
            "resilience4j_circuitbreaker_state",
            "The states of the circuit breaker: 1 for the one that it is in.",
            [(&[("name", name), ("state", state)][..], f64::from(u8::from(state == current)))],
        );
    }
    families.counters(
        "resilience4j_circuitbreaker_not_permitted_calls_total",
        "Calls that the circuit breaker rejected.",
        [(
            &[("name", name), ("kind", "not_permitted")][..],
            number(counts.not_permitted.by_circuit()),
        )],
    );
    // All series exist from the start, with 0.
    for (from, to) in STATES.into_iter().flat_map(|from| STATES.map(|to| (from, to))) {
        let counted = counts.transitions.iter().find(|t| (t.from, t.to) == (from, to));
        let labels = [("name", name), ("from", label(from)), ("to", label(to))];
        families.counters(
            "resilience4j_circuitbreaker_transitions_total",
            "Transitions of the circuit breaker. A transition from a state to itself was made by hand.",
            [(&labels[..], number(counted.map_or(0, |t| t.count)))],
        );
    }
}

/// Adds what the breaker's actor has to do, its events, and the calls that `MAX_CALLS` kept from it.
pub(super) fn add_actor(families: &mut Families, breaker: &Breaker) {
    let name = &**breaker.name();
    families.gauges(
        "client_mailbox_depth",
        "Messages in an actor's mailbox.",
        [(&[("name", name), ("actor", "breaker")][..], number(breaker.mailbox_depth() as u64))],
    );
    for (of, count) in breaker.events().recorded() {
        families.counters(
            "client_events_total",
            "Events by type, including those that the event log only counted.",
            [(&[("name", name), ("type", of.into())][..], number(count))],
        );
    }
    families.counters(
        "client_overload_rejections_total",
        "Calls rejected because MAX_CALLS calls were in flight or waiting.",
        [(&[("name", name)][..], number(breaker.counts().not_permitted.overloaded))],
    );
}

fn label(state: State) -> &'static str {
    state_label(state, Mode::Auto)
}

/// Adds the counts of retries.
pub(super) fn add_retries(families: &mut Families, breaker: &Breaker, tally: &Tally) {
    let (name, counts) = (&**breaker.name(), breaker.counts().retries);
    for (kind, count) in [
        ("successful_without_retry", counts.successful_without_retry),
        ("successful_with_retry", counts.successful_with_retry),
        ("failed_without_retry", counts.failed_without_retry),
        ("failed_with_retry", counts.failed_with_retry),
    ] {
        families.counters(
            "resilience4j_retry_calls_total",
            "Calls that were answered, by how they ended and whether they were retried.",
            [(&[("name", name), ("kind", kind)][..], number(count))],
        );
    }
    families.counters(
        "client_retry_attempts_total",
        "Attempts after the first.",
        [(&[("name", name)][..], number(tally.counts().retry_attempts))],
    );
}
