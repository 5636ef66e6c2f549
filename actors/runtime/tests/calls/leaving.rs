//! Callers that leave before they are answered.

use futures::future::join_all;
use resilience_actors::{Outcome, State};

use crate::support::{
    Step, abandon, answer, exact, fail_counter, half_open, now, pass, paused, scripted, secs,
    settle,
};

#[test]
fn a_caller_that_leaves_during_a_wait_ends_the_call_and_its_failure_counts() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], exact());
        abandon(lab.call(), secs(0.5)).await;
        pass(secs(0.0)).await;
        assert_eq!((lab.limit.in_use(), lab.limit.waiting()), (0, 0));
        assert_eq!(fail_counter(&breaker).await, 1);
        pass(secs(60.0)).await;
        assert_eq!(script.touched(), 1);
    });
}

#[test]
fn a_caller_that_leaves_during_an_attempt_does_not_hide_it_from_the_breaker() {
    paused(async {
        let (lab, script, breaker) = scripted([Step::Hang], exact());
        for left in 1..=5 {
            abandon(lab.call(), secs(0.5)).await;
            assert_eq!(lab.limit.in_use(), 1, "the attempt keeps its place");
            pass(secs(2.6)).await;
            assert_eq!((script.touched(), lab.limit.in_use()), (left, 0));
        }
        assert_eq!(breaker.state(), State::Open);
    });
}

#[test]
fn callers_that_leave_late_do_not_open_the_circuit_of_a_backend_that_has_recovered() {
    paused(async {
        let failed = std::iter::repeat_n(answer(Outcome::ServerError), 5);
        let (lab, _, breaker) = scripted(failed.chain([answer(Outcome::Success)]), exact());
        let impatient = (0..5).map(|_| tokio::time::timeout(secs(0.5), lab.call()));
        let good = async {
            pass(secs(0.2)).await;
            lab.call().await
        };
        let (left, good) = futures::join!(join_all(impatient), good);
        assert!(left.iter().all(Result::is_err) && good.result.is_ok());
        settle().await;
        assert_eq!((breaker.state(), fail_counter(&breaker).await), (State::Closed, 0));
    });
}

#[test]
fn a_failure_counts_if_its_caller_leaves_just_as_the_retry_falls_due() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::ServerError)], exact());
        // This task drops its call after the scheduler has woken the call, and before the next attempt begins.
        let caller = actix_rt::spawn(async move {
            let mut call = Box::pin(lab.call());
            assert!(futures::poll!(&mut call).is_pending());
            settle().await;
            assert_eq!(lab.limit.waiting(), 1);
            tokio::time::sleep(secs(1.0)).await;
            assert_eq!(lab.limit.waiting(), 0, "the next attempt is on its way");
            drop(call);
        });
        caller.await.unwrap();
        settle().await;
        assert_eq!((script.touched(), fail_counter(&breaker).await), (1, 1));
    });
}

#[test]
fn a_caller_that_leaves_before_the_first_attempt_touches_nothing_and_keeps_no_trial() {
    paused(async {
        let (lab, script, breaker) = scripted([answer(Outcome::Success)], exact());
        for is_half_open in [false, true] {
            if is_half_open {
                half_open(&breaker).await;
            }
            let mut call = Box::pin(lab.call());
            assert!(futures::poll!(&mut call).is_pending());
            drop(call);
            settle().await;
            assert_eq!((script.touched(), lab.limit.in_use()), (0, 0));
            assert_eq!(breaker.inspect().await.unwrap().trials_in_flight, 0);
        }
    });
}

#[test]
fn observers_receive_each_attempt_as_it_ends_even_if_its_caller_has_left() {
    paused(async {
        let steps = [answer(Outcome::ServerError), Step::Hang];
        let (lab, _, _) = scripted(steps, exact());
        let begin = now();
        // The caller leaves during the second attempt, which begins after 1 s and times out after 3 s more.
        let call = lab.call();
        assert!(tokio::time::timeout(secs(2.0), call).await.is_err());
        assert_eq!(lab.ended(), [(begin, Outcome::ServerError)]);
        pass(secs(3.0)).await;
        let expected = [(begin, Outcome::ServerError), (begin + secs(4.0), Outcome::TimedOut)];
        assert_eq!(lab.ended(), expected);
    });
}
