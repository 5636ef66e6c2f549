//! How important a call is.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// How important a call is. Matters if the limit on attempts in flight has
/// [priorities](crate::Concurrency::priorities), and for [throttling](crate::Throttle).
///
/// The levels are those of the criticality in "Site Reliability Engineering" (O'Reilly 2016, chapter "Handling
/// Overload"), with the same default.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Priority {
    /// Level 0: may be rejected often, for instance because it is tried again later.
    VeryLow,
    /// Level 1: may be rejected sometimes.
    Low,
    /// Level 2: a user waits for it.
    #[default]
    Normal,
    /// Level 3: is rejected last.
    High,
}

impl Priority {
    /// All of them, from the least to the most important.
    pub const ALL: [Self; 4] = [Self::VeryLow, Self::Low, Self::Normal, Self::High];
    /// Their levels.
    pub const LEVELS: RangeInclusive<u8> = 0..=3;

    /// The priority of this level, if it is one of [`LEVELS`](Self::LEVELS).
    pub fn from_level(level: u8) -> Option<Self> {
        Self::ALL.get(usize::from(level)).copied()
    }

    /// Its level: 3 is the most important.
    pub fn level(self) -> u8 {
        self as u8
    }
}
