use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::*;
use crate::{gateway::endpoints::EjectionSettings, transport::testing::plain};

const SECOND: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(5);

fn pool() -> Arc<EndpointPool> {
    let places = [Place::Name("a.test".into(), 80)];
    let ejection = EjectionSettings::default();
    Arc::new(EndpointPool::new("u".into(), &places, plain(SECOND).into(), ejection))
}

#[must_use]
fn start(pool: &Arc<EndpointPool>, hosts: &[&str], lookups: &Lookups) -> RefresherHandle {
    let hosts = hosts.iter().map(|host| ((*host).to_owned(), 80));
    RefresherHandle::start(pool, hosts, lookups.clone(), &actix_rt::Arbiter::current())
}

fn addresses(last: &[u8]) -> Vec<SocketAddr> {
    last.iter().map(|last| SocketAddr::from(([10, 0, 0, *last], 80))).collect()
}

fn shown(pool: &EndpointPool) -> Vec<String> {
    pool.snapshot().into_iter().map(|endpoint| endpoint.address).collect()
}

#[actix_web::test]
async fn all_addresses_of_a_name_are_endpoints_and_the_last_good_answer_is_kept() {
    tokio::time::pause();
    let answer = Arc::new(Mutex::new(None));
    let current = Arc::clone(&answer);
    let lookups = Lookups::with(INTERVAL, move |_, _| {
        let answer: Option<Vec<_>> = current.lock().unwrap().clone();
        Box::pin(async { answer.ok_or_else(|| io::Error::other("no network")) })
    });
    let pool = pool();
    let _refreshing = start(&pool, &["a.test"], &lookups);
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    for (next, expected) in [
        (None, &["a.test:80"][..]),
        (Some(addresses(&[2, 1, 2])), &both),
        (None, &both),
        (Some(addresses(&[])), &both),
        (Some(addresses(&[2, 3])), &["10.0.0.2:80", "10.0.0.3:80"]),
    ] {
        *answer.lock().unwrap() = next;
        // Longer than each pause.
        sleep(INTERVAL.mul_f64(1.21)).await;
        assert_eq!(shown(&pool), expected);
    }
}

#[actix_web::test]
async fn the_addresses_of_all_names_are_endpoints_once() {
    tokio::time::pause();
    let lookups = Lookups::with(INTERVAL, |host, _| {
        let last: &[u8] = if host == "a.test" { &[1, 2] } else { &[2, 3] };
        Box::pin(async { Ok(addresses(last)) })
    });
    let pool = pool();
    let _refreshing = start(&pool, &["a.test", "b.test"], &lookups);
    sleep(SECOND).await;
    assert_eq!(shown(&pool), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
}

#[actix_web::test]
async fn pauses_between_look_ups_are_random_around_the_interval() {
    tokio::time::pause();
    let times = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&times);
    let lookups = Lookups::with(INTERVAL, move |_, _| {
        seen.lock().unwrap().push(Instant::now());
        Box::pin(async { Ok(addresses(&[1])) })
    });
    let pool = pool();
    let refreshing = start(&pool, &["a.test"], &lookups);
    sleep(200 * INTERVAL).await;
    drop(refreshing);
    let count = times.lock().unwrap().len();
    sleep(10 * INTERVAL).await;
    let times = times.lock().unwrap();
    assert_eq!(times.len(), count, "the upstream is gone");
    let pauses: Vec<_> = times.windows(2).map(|two| two[1] - two[0]).collect();
    let (least, most) = (*pauses.iter().min().unwrap(), *pauses.iter().max().unwrap());
    let slack = Duration::from_millis(2);
    assert!(least >= INTERVAL.mul_f64(0.8) && most <= INTERVAL.mul_f64(1.2) + slack);
    assert!(least < INTERVAL.mul_f64(0.9) && most > INTERVAL.mul_f64(1.1), "{least:?} {most:?}");
    assert!((170..250).contains(&pauses.len()), "{count}");
}

#[actix_web::test]
async fn look_ups_and_their_actor_end_at_once_with_the_upstream() {
    tokio::time::pause();
    let (begun, running) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    let (count, guard) = (Arc::clone(&begun), Arc::clone(&running));
    let lookups = Lookups::with(INTERVAL, move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        let guard = Arc::clone(&guard);
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    });
    let pool = pool();
    let refreshing = start(&pool, &["a.test"], &lookups);
    sleep(SECOND).await;
    assert_eq!((Arc::strong_count(&running), Arc::strong_count(&pool)), (3, 2));
    drop(refreshing);
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    assert_eq!((Arc::strong_count(&running), Arc::strong_count(&pool)), (2, 1));
    sleep(10 * INTERVAL).await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn at_most_eight_names_are_looked_up_at_once() {
    tokio::time::pause();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, highest) = (Arc::clone(&running), Arc::clone(&most));
    let lookups = Lookups::with(INTERVAL, move |_, _| {
        let now = Arc::clone(&now);
        highest.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Box::pin(async move {
            sleep(SECOND).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(addresses(&[1]))
        })
    });
    let pools: Vec<_> = (0..20).map(|_| pool()).collect();
    let refreshed = pools.iter().map(|pool| start(pool, &["a.test", "b.test"], &lookups));
    let _refreshed: Vec<_> = refreshed.collect();
    // 40 look-ups, 8 a second.
    sleep(5 * SECOND + SECOND / 10).await;
    assert_eq!(most.load(Ordering::SeqCst), 8);
    assert!(pools.iter().all(|pool| shown(pool) == ["10.0.0.1:80"]));
}
