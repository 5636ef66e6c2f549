//! Log lines of circuits with the circuit's name, for processes with several.

use std::sync::Arc;

use super::{
    Observation, Observer,
    log_lines::{BREAKER, probe_line},
};
use crate::events::EventLog;

/// Logs the transitions, changed settings and probes of one breaker.
pub(crate) struct NamedCircuitLines(Arc<str>);

impl NamedCircuitLines {
    /// With the name of the event log.
    pub(crate) fn of(events: &EventLog) -> Arc<dyn Observer> {
        Arc::new(Self(Arc::clone(events.name())))
    }
}

impl Observer for NamedCircuitLines {
    fn observe(&self, observation: &Observation<'_>) {
        let Self(name) = self;
        match observation {
            Observation::Transition { transition, .. } => {
                log::info!(target: BREAKER, "upstream {name}: {transition}");
            }
            Observation::Reconfigured(change) => {
                log::info!(target: BREAKER, "upstream {name}: {change}");
            }
            Observation::ProbeEnded(probe) => probe_line(probe, format_args!("upstream {name}: ")),
            _ => {}
        }
    }
}
