//! Durations in settings and records, as seconds with fractions: `#[serde(with = "crate::seconds")]`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

use crate::config::MAX_DURATION;

pub(crate) fn serialize<S: Serializer>(time: &Duration, target: S) -> Result<S::Ok, S::Error> {
    target.serialize_f64(time.as_secs_f64())
}

/// What is out of range is refused here if no [`Duration`] can hold it, and by the setting's own rule otherwise.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(source)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        let most = MAX_DURATION.as_secs();
        D::Error::custom(format!(
            "{seconds} is not valid: expected seconds, more than 0 and at most {most}"
        ))
    })
}

/// The same, with null for none.
pub(crate) mod optional {
    use super::{Deserializer, Duration, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        target: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, target),
            None => target.serialize_none(),
        }
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
