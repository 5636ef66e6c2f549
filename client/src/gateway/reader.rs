//! The caller as the reader of an answer: whether it is slow.

use std::time::Duration;

use tokio::time::Instant;

use crate::transport::SLOW_CALLER;

/// A caller that takes this long to ask for the next part is not merely busy.
const PAUSE: Duration = Duration::from_millis(100);

/// The reader of an answer. An upstream that cannot send for a long time may hang up.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// When it was given its last part, until it asks for the next.
    given: Option<Instant>,
    /// Since when it waits for the next part.
    waits_since: Option<Instant>,
    /// Its pauses.
    paused: Duration,
}

impl Reader {
    pub(super) fn is_given_part(&mut self) {
        if self.has_waited() {
            // The upstream had sent all that it could, so it did not wait for the reader.
            self.paused = Duration::ZERO;
        }
        self.waits_since = None;
        self.given = Some(Instant::now());
    }

    pub(super) fn asks(&mut self) {
        let taken = self.given.take().map_or(Duration::ZERO, |given| given.elapsed());
        self.paused += if taken < PAUSE { Duration::ZERO } else { taken };
    }

    /// The next part is not there.
    pub(super) fn waits(&mut self) {
        self.waits_since.get_or_insert_with(Instant::now);
    }

    /// True if its pauses have taken [`SLOW_CALLER`] since it last waited that long for the upstream. What was on its
    /// way when the upstream hung up comes with shorter waits.
    pub(super) fn is_slow(&self) -> bool {
        self.paused >= SLOW_CALLER && !self.has_waited()
    }

    fn has_waited(&self) -> bool {
        self.waits_since.is_some_and(|since| since.elapsed() >= SLOW_CALLER)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// Gives the reader a part, for which it waits, and which it takes its time for.
    async fn read(reader: &mut Reader, waits: Duration, takes: Duration) {
        reader.asks();
        reader.waits();
        advance(waits).await;
        reader.waits();
        reader.is_given_part();
        advance(takes).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_slow_by_its_pauses_and_not_by_those_of_the_upstream() {
        for (waits, takes, parts, slow) in [
            (SLOW_CALLER / 2, SLOW_CALLER, 1, true),
            (SLOW_CALLER / 2, SLOW_CALLER / 4, 4, true),
            (SLOW_CALLER / 2, SLOW_CALLER / 4, 3, false),
            (Duration::ZERO, PAUSE / 2, 1_000, false),
            (SLOW_CALLER, SLOW_CALLER / 2, 100, false),
        ] {
            let mut reader = Reader::default();
            for _ in 0..parts {
                read(&mut reader, waits, takes).await;
            }
            reader.asks();
            assert_eq!(reader.is_slow(), slow, "{waits:?} {takes:?} {parts}");
            reader.waits();
            assert_eq!(reader.is_slow(), slow);
            advance(SLOW_CALLER).await;
            assert!(!reader.is_slow(), "the upstream is silent");
        }
    }
}
