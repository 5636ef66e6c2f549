//! Failures that show after the end of a call.

use super::{handle::Breaker, permit::Permit, report::Ticket};

/// Reports that an answer failed after its call had ended as a success: its body was cut off while it was passed on,
/// for instance. See [`Breaker::late_failure`].
#[derive(Debug, Clone)]
pub struct LateFailure {
    breaker: Breaker,
    /// `None` if the circuit was not closed.
    epoch: Option<u64>,
}

impl Breaker {
    /// To be called when a call has ended whose answer may still fail.
    pub fn late_failure(&self) -> LateFailure {
        let (epoch, phase) = self.published.current();
        LateFailure { breaker: self.clone(), epoch: phase.passes().then_some(epoch) }
    }
}

impl LateFailure {
    /// Reports one failure more. Changes nothing if the circuit was not closed when the call ended, or has opened
    /// since. The report is sent at once, and the returned future is ready when the published state reflects it.
    pub fn report<C: Into<String>>(self, cause: C) -> impl Future<Output = ()> + use<C> {
        let ticket = self.epoch.map(|epoch| Ticket { epoch, trial: None });
        let told = ticket.map(|ticket| Permit::new(&self.breaker.published, ticket).failure(cause));
        async move {
            if let Some(told) = told {
                told.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BreakerConfig, BreakerSettings, State};

    fn breaker(fail_max: u32) -> Breaker {
        let settings = BreakerSettings { fail_max, ..BreakerSettings::default() };
        Breaker::start(BreakerConfig::try_from(settings).unwrap())
    }

    #[actix::test]
    async fn a_late_failure_counts_once_more() {
        let breaker = breaker(2);
        breaker.admit().await.unwrap().success().await;
        let (first, second) = (breaker.late_failure(), breaker.late_failure());
        first.report("body cut off").await;
        assert_eq!(breaker.state(), State::Closed);
        second.report("body cut off").await;
        assert_eq!(breaker.state(), State::Open);
    }

    #[actix::test]
    async fn a_late_failure_of_an_older_epoch_is_ignored() {
        let breaker = breaker(1);
        let late = breaker.late_failure();
        breaker.reset().await.unwrap();
        late.report("body cut off").await;
        assert_eq!(breaker.state(), State::Closed);
        breaker.admit().await.unwrap().failure("refused").await;
        let late = breaker.late_failure();
        breaker.reset().await.unwrap();
        late.report("body cut off").await;
        assert_eq!(breaker.state(), State::Closed);
    }
}
