//! The last part of an episode: no caller comes any more, so everything comes to an end.

use std::time::Duration;

use resilience_actors::{CallKind, Mode, State, Window};

use super::{Episode, steps::PermitEnd, users};
use crate::{
    record::Permit,
    rules::{TICK, rule},
    support::{pass, secs},
};

impl Episode {
    /// As many failures as open the circuit, one after the other at one instant.
    pub(super) async fn failures_in_a_row(&self) {
        let breaker = &self.world.breaker;
        let Some(failures) = self.failures_that_open() else { return };
        let (before, changes) = (breaker.counts().epoch, self.world.breaker_changes());
        for _ in 0..failures {
            match breaker.admit().await {
                Ok(permit) => {
                    let seen = Permit { epoch: permit.epoch(), trial: permit.is_trial() };
                    let number = self.world.permit_is_granted(seen);
                    self.world.record.borrow_mut().permit_ends(number, CallKind::Failed);
                    permit.failure("one of a row").await;
                }
                Err(rejection) => return self.world.permit_is_refused(&rejection),
            }
        }
        let undisturbed = before == breaker.counts().epoch
            && breaker.mode() == Mode::Auto
            && changes == self.world.breaker_changes();
        rule!(self.world, "Failures in a row open the circuit, before the last of them is reported": !undisturbed;
            before);
    }

    /// The number of failures in a row that opens a closed circuit, whatever happened before. None if the other results
    /// of the window matter.
    fn failures_that_open(&self) -> Option<u32> {
        let settings = self.world.breaker_settings();
        let of_streak = Some(settings.fail_max).filter(|&most| most > 0);
        let of_rate = match settings.window {
            Window::Calls(calls) => settings.failure_rate.map(|_| calls),
            Window::Time(_) => None,
        };
        [of_streak, settings.failures, of_rate].into_iter().flatten().min()
    }

    pub(super) async fn come_to_an_end(&mut self) {
        self.calls_end().await;
        self.circuit_closes().await;
        self.circuit_opens().await;
        // Now the last burst is over, and the log can tell of it.
        pass(secs(3.0)).await;
        self.world.breaker.events().newest();
        self.world.has_ended();
        self.world.inspect().await;
    }

    async fn calls_end(&mut self) {
        pass(self.world.time_for_calls() + TICK).await;
        self.check().await;
        pass(secs(5.0) + self.world.time_for_circuit()).await;
        self.check().await;
        let unanswered = self.world.unanswered();
        rule!(self.world, "Every call is answered": unanswered.is_empty(); unanswered);
    }

    async fn circuit_closes(&mut self) {
        self.world.breaker.enable().await.expect("the breaker runs");
        self.check().await;
        let circuit = self.world.circuit();
        rule!(self.world, "No circuit stays open when nothing happens": circuit.state != State::Open; circuit);
        for _ in 0..self.world.breaker_settings().success_threshold {
            self.use_permit(PermitEnd::Success).await;
        }
        let circuit = self.world.circuit();
        rule!(self.world, "success_threshold successes close": circuit.state == State::Closed; circuit);
    }

    async fn circuit_opens(&mut self) {
        let settings = self.world.breaker_settings();
        if let Window::Time(time) = settings.window {
            // Now no success is in the window.
            pass(time).await;
        }
        for _ in 0..self.failures_that_open().unwrap_or(settings.min_calls) {
            self.use_permit(PermitEnd::Failure).await;
        }
        let circuit = self.world.circuit();
        rule!(self.world, "Failures open": circuit.state == State::Open; circuit);
    }

    async fn use_permit(&mut self, end: PermitEnd) {
        users::permit(self.world.clone(), Duration::ZERO, end).await;
        self.check().await;
    }
}
