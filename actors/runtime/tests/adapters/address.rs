//! Messages to an actor, with a driven clock.

use std::time::Duration;

use actix::prelude::*;
use futures::future::join_all;
use resilience_actors::{
    BreakerSettings, CallError, Concurrency, Outcome, Retry, State, Upstream, UpstreamBuilder,
    adapters::address::{AddressError, SendMessage},
};

use crate::support::{pass, paused, secs};

/// Succeeds for even numbers.
#[derive(Message, Clone, Copy)]
#[rtype(result = "Result<u32, String>")]
struct Half(u32);

/// Handles nothing else for this time.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
struct Pause(Duration);

/// Answers how many messages were handled.
#[derive(Message, Clone, Copy)]
#[rtype(result = "u32")]
struct Handled;

#[derive(Message, Clone, Copy)]
#[rtype(result = "Result<(), String>")]
struct Stop;

#[derive(Default)]
struct Worker {
    handled: u32,
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1);
    }
}

impl Handler<Half> for Worker {
    type Result = Result<u32, String>;

    fn handle(&mut self, Half(number): Half, _: &mut Context<Self>) -> Self::Result {
        self.handled += 1;
        if number % 2 == 0 { Ok(number / 2) } else { Err(format!("{number} is odd")) }
    }
}

impl Handler<Pause> for Worker {
    type Result = ();

    fn handle(&mut self, Pause(time): Pause, context: &mut Context<Self>) {
        context.wait(tokio::time::sleep(time).into_actor(self));
    }
}

impl Handler<Handled> for Worker {
    type Result = u32;

    fn handle(&mut self, _: Handled, _: &mut Context<Self>) -> u32 {
        self.handled
    }
}

impl Handler<Stop> for Worker {
    type Result = Result<(), String>;

    fn handle(&mut self, _: Stop, context: &mut Context<Self>) -> Self::Result {
        context.stop();
        Ok(())
    }
}

fn worker() -> UpstreamBuilder {
    Upstream::builder("worker")
}

fn twice() -> Retry {
    Retry::exponential(secs(1.0)).attempts(2)
}

#[test]
fn an_error_of_the_actor_is_a_failure_and_its_answer_a_success() {
    paused(async {
        let breaker = BreakerSettings { fail_max: 2, ..BreakerSettings::default() };
        let (upstream, address) =
            (worker().breaker(breaker).start().unwrap(), Worker::default().start());
        assert_eq!(upstream.send(&address, Half(8)).await.unwrap(), 4);
        let error = upstream.send(&address, Half(7)).await.unwrap_err();
        let CallError::Transport(AddressError::Actor(text)) = &error else { panic!("{error}") };
        assert_eq!((text.as_str(), error.to_string()), ("7 is odd", "7 is odd".to_owned()));
        upstream.send(&address, Half(7)).await.unwrap_err();
        assert_eq!(upstream.state(), State::Open);
        let rejected = upstream.send(&address, Half(8)).await;
        assert!(matches!(rejected, Err(CallError::Rejected(_))));
        assert_eq!(address.send(Handled).await.unwrap(), 3);
    });
}

#[test]
fn each_attempt_sends_a_clone() {
    paused(async {
        let (upstream, address) =
            (worker().retry(twice()).start().unwrap(), Worker::default().start());
        upstream.send(&address, Half(7)).await.unwrap_err();
        assert_eq!(address.send(Handled).await.unwrap(), 2);
    });
}

#[test]
fn an_actor_that_is_gone_is_unreachable() {
    paused(async {
        let (upstream, address) =
            (worker().retry(twice()).start().unwrap(), Worker::default().start());
        upstream.send(&address, Stop).await.unwrap();
        let report = upstream.run(SendMessage::new(&address, Half(8))).await;
        assert!(matches!(
            report.result,
            Err(CallError::Transport(AddressError::Mailbox(MailboxError::Closed)))
        ));
        let outcomes: Vec<_> = report.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Outcome::Unreachable; 2]);
    });
}

#[test]
fn a_message_whose_attempt_has_timed_out_is_not_handled() {
    paused(async {
        let upstream = worker().retry(twice()).timeout(secs(0.5)).start().unwrap();
        let address = Worker::default().start();
        address.send(Pause(secs(10.0))).await.unwrap();
        let result = upstream.send(&address, Half(8)).await;
        assert!(matches!(result, Err(CallError::TimedOut(_))), "{result:?}");
        pass(secs(10.0)).await;
        assert_eq!(address.send(Handled).await.unwrap(), 0);
    });
}

#[test]
fn a_full_mailbox_holds_no_call_back_but_a_concurrency_limit_does() {
    paused(async {
        for (limit, answered) in [(None, 5), (Some(2), 2)] {
            let upstream = match limit {
                Some(max) => worker().concurrency(Concurrency::at_most(max)),
                None => worker(),
            };
            let (upstream, address) = (upstream.start().unwrap(), Worker::default().start());
            address.send(Pause(secs(1.0))).await.unwrap();
            let results = join_all((0..5).map(|_| upstream.send(&address, Half(8)))).await;
            assert_eq!(results.iter().flatten().count(), answered, "{results:?}");
        }
    });
}

#[test]
fn a_recipient_takes_messages_too_and_every_answer_can_be_a_success() {
    paused(async {
        let breaker = BreakerSettings { fail_max: 1, ..BreakerSettings::default() };
        let (upstream, address) =
            (worker().breaker(breaker).start().unwrap(), Worker::default().start());
        assert_eq!(upstream.send(&address.clone().recipient(), Half(8)).await.unwrap(), 4);
        let odd = upstream.send_infallible(&address, Half(7)).await.unwrap();
        assert_eq!(odd, Err("7 is odd".to_owned()));
        assert_eq!(upstream.send_infallible(&address.recipient(), Handled).await.unwrap(), 2);
        assert_eq!(upstream.state(), State::Closed);
    });
}
