//! Which events a reader wants.

use resilience_actors::{Event, EventType};

/// All events, or those of some types or of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Empty for all types.
    pub types: Vec<EventType>,
    /// `None` for all upstreams.
    pub upstream: Option<String>,
}

impl Filter {
    /// True if the reader wants this event.
    pub fn wants(&self, event: &Event) -> bool {
        let of_type = self.types.is_empty() || self.types.contains(&event.kind.event_type());
        of_type && self.upstream.as_deref().is_none_or(|name| *event.breaker == *name)
    }

    /// True if the reader wants all events.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && self.upstream.is_none()
    }
}
