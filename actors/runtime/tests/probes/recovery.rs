//! What probes buy: the time from the upstream's return to a closed circuit.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use resilience_actors::{Breaker, Probe, State, Upstream};

use crate::support::{now, pass, paused, secs};

/// A caller makes a call every 100 ms. The upstream is down for so long, and then up. Returns the time from its return
/// to the closed circuit.
fn recovery(outage: Duration, probe: Option<Probe>) -> Duration {
    paused(async move {
        let up = Arc::new(AtomicBool::new(true));
        let mut builder = Upstream::builder("backend").breaker(Breaker::consecutive(5));
        if let Some(probe) = probe {
            let up = Arc::clone(&up);
            builder = builder.probe(probe, move || async move || answer(&up));
        }
        let upstream = builder.start().unwrap();
        let (asked, answered) = (Arc::clone(&up), Rc::new(Cell::new(0)));
        let caller = actix_rt::spawn({
            let (upstream, answered) = (upstream.clone(), Rc::clone(&answered));
            async move {
                loop {
                    let up = Arc::clone(&asked);
                    let call = upstream.call(async move |_| answer(&up)).await;
                    answered.set(answered.get() + u32::from(call.is_ok()));
                    pass(Duration::from_millis(100)).await;
                }
            }
        });
        pass(secs(10.0)).await;
        assert_eq!(upstream.state(), State::Closed);
        up.store(false, Ordering::Relaxed);
        pass(outage).await;
        assert_eq!(upstream.state(), State::Open);
        up.store(true, Ordering::Relaxed);
        let (returned, before) = (now(), answered.get());
        while upstream.state() != State::Closed {
            pass(Duration::from_millis(10)).await;
        }
        let recovered = now() - returned;
        pass(secs(1.0)).await;
        assert!(answered.get() > before + 5, "calls are answered again");
        caller.abort();
        recovered
    })
}

fn answer(up: &AtomicBool) -> Result<(), &'static str> {
    if up.load(Ordering::Relaxed) { Ok(()) } else { Err("connection refused") }
}

#[test]
fn with_probes_the_circuit_closes_seconds_after_the_upstreams_return() {
    let probe = Probe::every(secs(1.0)).successes(2);
    println!("{:>10} {:>15} {:>12}", "outage", "without probes", "with probes");
    for outage in [5.2, 15.4, 29.0, 31.6, 45.8, 100.0] {
        let [without, with] =
            [None, Some(probe)].map(|probe| recovery(secs(outage), probe).as_secs_f64());
        println!("{outage:>8.1} s {without:>13.1} s {with:>10.1} s");
        // Two probes, and up to 100 ms until the next call is the trial.
        assert!(with <= 2.2, "outage of {outage} s: {with} s");
        // The circuit opens 0.5 s after the outage begins, and again 30 s after each opening.
        let wait = 30.0 - (outage - 0.5) % 30.0;
        assert!((without - wait).abs() <= 0.5, "outage of {outage} s: {without} s");
    }
}
