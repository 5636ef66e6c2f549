//! Durations in settings, as seconds with fractions: `#[serde(with = "crate::seconds")]`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

pub(crate) use crate::config::seconds as serialize;

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(source)?).map_err(D::Error::custom)
}

/// The same, with null for none.
pub(crate) mod optional {
    use super::{Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        crate::config::optional_seconds(value, serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<Duration>, D::Error> {
        #[derive(serde::Deserialize)]
        struct Seconds(#[serde(with = "super")] Duration);

        let seconds = <Option<Seconds> as serde::Deserialize>::deserialize(source)?;
        Ok(seconds.map(|Seconds(duration)| duration))
    }
}
