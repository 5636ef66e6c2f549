use std::cell::{Cell, RefCell};

use futures::future::join_all;
use tokio::time::{advance, sleep};

use super::*;

const LONG: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_thousand_concurrent_readers_cause_two_requests() {
    let (turns, asked) = (Turns::default(), Cell::new(0));
    let ask = async || {
        asked.set(asked.get() + 1);
        sleep(SECOND).await;
        Ok(Bytes::from(asked.get().to_string()))
    };
    let first = turns.read(LONG, ask);
    let others = async {
        // They arrive during the first request, whose answer may be older than their question.
        sleep(SECOND / 2).await;
        join_all((0..1000).map(|_| turns.read(LONG, ask))).await
    };
    let (first, others) = futures::join!(first, others);
    assert_eq!(first.unwrap().unwrap(), "1");
    assert!(others.into_iter().all(|answer| answer.unwrap().unwrap() == "2"));
    assert_eq!(asked.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_never_older_than_its_question() {
    let turns = Turns::default();
    for expected in ["one", "two"] {
        let answer = turns.read(LONG, async || Ok(Bytes::from(expected))).await.unwrap().unwrap();
        assert_eq!(answer, expected);
        advance(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_leaves_does_not_block_others() {
    let turns = Turns::default();
    let forever = async || std::future::pending().await;
    assert!(timeout(SECOND, turns.read(LONG, forever)).await.is_err());
    assert!(turns.read(SECOND, async || Ok(Bytes::new())).await.is_ok());
}

#[actix_web::test]
async fn plans_are_written_one_at_a_time_and_to_the_end() {
    let turns = Turns::default();
    let told = std::rc::Rc::new(RefCell::new(Vec::new()));
    let write = |name: &'static str| {
        let told = told.clone();
        turns.write(LONG, move || async move {
            told.borrow_mut().push(format!("{name} begins"));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            told.borrow_mut().push(format!("{name} ends"));
        })
    };
    // The first caller leaves as soon as its request has begun.
    let mut first = Box::pin(write("a"));
    while told.borrow().is_empty() {
        assert!(futures::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    drop(first);
    let (second, third) = futures::join!(write("b"), write("c"));
    assert_eq!((second, third), (Ok(()), Ok(())));
    let expected = ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"];
    assert_eq!(*told.borrow(), expected);
}

#[tokio::test(start_paused = true)]
async fn waiting_past_the_limit_returns_busy() {
    let turns = Turns::default();
    let _reading = turns.reader.lock().await;
    let _writing = turns.writer.lock().await;
    assert_eq!(turns.read(SECOND, async || Ok(Bytes::new())).await.unwrap_err(), Busy);
    assert_eq!(turns.write(SECOND, || async {}).await, Err(Busy));
}
