//! What observers are told of changes, and in which order.

use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    time::Duration,
};

use resilience_actors::{CallSettings, Chaos, Observation, Observer, Upstream};

use crate::support::{paused, secs};

/// Does something at the first change that it is told of.
struct AtFirst<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> AtFirst<F> {
    fn observer(act: F) -> Arc<dyn Observer> {
        Arc::new(Self(Mutex::new(Some(act))))
    }
}

impl<F: FnOnce() + Send + 'static> Observer for AtFirst<F> {
    fn observe(&self, observation: &Observation<'_>) {
        if let Observation::CallsReconfigured { .. } = observation
            && let Some(act) = self.0.lock().unwrap().take()
        {
            act();
        }
    }
}

/// Notes what it is told of changes.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn observe(&self, observation: &Observation<'_>) {
        let line = match observation {
            Observation::CallsReconfigured { changes, .. } => changes.join(", "),
            Observation::ChaosSet { chaos, .. } => format!("faults: {}", chaos.is_some()),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

fn timeout(seconds: f64) -> CallSettings {
    CallSettings { attempt_timeout: Some(secs(seconds)), ..CallSettings::default() }
}

const IN_ORDER: [&str; 2] = ["attempt_timeout none -> 1", "attempt_timeout 1 -> 2"];

#[test]
fn observers_are_told_of_changes_of_several_threads_in_the_order_of_the_changes() {
    paused(async {
        let ((begun, begins), (over, ends)) = (mpsc::channel(), mpsc::channel());
        let (first, told) = (
            AtFirst::observer(move || {
                begun.send(()).unwrap();
                let () = ends.recv_timeout(Duration::from_secs(10)).expect("the other change ends");
            }),
            Arc::new(Told::default()),
        );
        let upstream = Upstream::builder("payments").observer(first).observer(told.clone());
        let upstream = upstream.start().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| upstream.reconfigure(timeout(1.0)).unwrap());
            let () = begins.recv().unwrap();
            // The second observer has not been told of the other change yet.
            upstream.reconfigure(timeout(2.0)).unwrap();
            assert_eq!(upstream.config().attempt_timeout, Some(secs(2.0)), "in force at once");
            over.send(()).unwrap();
        });
        assert_eq!(*told.0.lock().unwrap(), IN_ORDER);
    });
}

#[test]
fn an_observer_may_change_settings_and_the_others_are_told_of_its_change_afterwards() {
    paused(async {
        let (changed, told) = (Arc::<OnceLock<Upstream>>::default(), Arc::new(Told::default()));
        let upstream = Arc::clone(&changed);
        let first =
            AtFirst::observer(move || upstream.get().unwrap().reconfigure(timeout(2.0)).unwrap());
        let upstream = Upstream::builder("payments").observer(first).observer(told.clone());
        let upstream = changed.get_or_init(|| upstream.start().unwrap());
        upstream.reconfigure(timeout(1.0)).unwrap();
        assert_eq!(*told.0.lock().unwrap(), IN_ORDER);
    });
}

/// The payload of a panic, which panics again when it is dropped.
struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("as the test wants");
    }
}

#[test]
fn a_panic_in_an_observer_keeps_no_later_change_from_the_others() {
    paused(async {
        let (first, told) = (
            AtFirst::observer(|| std::panic::panic_any(PanicsWhenDropped)),
            Arc::new(Told::default()),
        );
        let upstream = Upstream::builder("payments").observer(first).observer(told.clone());
        let upstream = upstream.start().unwrap();
        upstream.reconfigure(timeout(1.0)).unwrap();
        upstream.reconfigure(timeout(2.0)).unwrap();
        assert_eq!(*told.0.lock().unwrap(), IN_ORDER);
    });
}

#[test]
fn fault_injection_is_told_with_its_change_and_before_a_change_by_an_observer() {
    paused(async {
        let (changed, told) = (Arc::<OnceLock<Upstream>>::default(), Arc::new(Told::default()));
        let upstream = Arc::clone(&changed);
        let first = AtFirst::observer(move || {
            upstream.get().unwrap().reconfigure(CallSettings::default()).unwrap();
        });
        let upstream = Upstream::builder("payments").observer(first).observer(told.clone());
        let upstream = changed.get_or_init(|| upstream.start().unwrap());
        let chaos = Some(Chaos::default().fail(0.5));
        upstream.reconfigure(CallSettings { chaos, ..CallSettings::default() }).unwrap();
        let told = told.0.lock().unwrap();
        assert_eq!([&told[1], &told[3]], ["faults: true", "faults: false"], "{told:?}");
    });
}
