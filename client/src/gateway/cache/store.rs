//! The last good answers of an upstream.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use actix_web::http::{
    Uri,
    header::{AGE, HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;

use super::{
    super::{quota::Quota, response_headers::AnswerHead},
    key::RequestKey,
};
use crate::fallback::{StaleAnswers, StaleLimits, StaleSnapshot, now};

/// Estimated bytes of bookkeeping for each kept answer.
const ENTRY_OVERHEAD: usize = 512;

/// The last good answers of an upstream, shared by all workers.
#[derive(Debug)]
pub(in crate::gateway) struct StaleStore {
    answers: Mutex<Answers>,
    /// Quota of the copies in progress: at most `max_bytes`.
    copies: Quota,
}

type Answers = StaleAnswers<Arc<RequestKey>, Arc<KeptAnswer>>;

/// An answer that was received whole.
#[derive(Debug)]
struct KeptAnswer {
    head: AnswerHead,
    body: Bytes,
}

impl StaleStore {
    /// A store that has no answer yet.
    pub(in crate::gateway) fn new(limits: StaleLimits) -> Self {
        let answers = Mutex::new(StaleAnswers::new(limits));
        Self { answers, copies: Quota::new(limits.max_bytes) }
    }

    /// The kept answer to a request, and the time since it arrived.
    pub(in crate::gateway) fn get(
        &self,
        key: &Arc<RequestKey>,
    ) -> Option<(AnswerHead, Bytes, Duration)> {
        let (kept, age) = self.answers().get(key, now())?;
        let mut head = kept.head.clone();
        // RFC 9111, 4: an answer that was stored has its age. Another cache may have kept it before.
        let total = age_of(&head.headers).saturating_add(age.as_secs());
        head.headers.insert(AGE, HeaderValue::from(total));
        Some((head, kept.body.clone(), age))
    }

    /// Keeps an answer whose head arrived at `at`.
    pub(super) fn keep(&self, key: Arc<RequestKey>, head: AnswerHead, body: Bytes, at: Instant) {
        let size = size(&key, &head.headers) + body.len();
        self.answers().keep(key, Arc::new(KeptAnswer { head, body }), size, at);
    }

    /// Drops the kept answer to a request.
    pub(super) fn forget(&self, key: &Arc<RequestKey>) {
        self.answers().forget(key);
    }

    /// Drops the kept answers to all requests for the target of `uri`, which a request has changed (RFC 9111, 4.4).
    pub(in crate::gateway) fn forget_all(&self, uri: &Uri) {
        let first = Arc::new(RequestKey::first_at(uri));
        self.answers().forget_all(&first, |key| key.is_at_target_of(&first));
    }

    /// The quota of the copies in progress.
    pub(super) fn copies(&self) -> &Quota {
        &self.copies
    }

    pub(in crate::gateway) fn snapshot(&self) -> StaleSnapshot {
        self.answers().snapshot()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Number of bytes that an answer takes without its body.
fn size(key: &RequestKey, headers: &HeaderMap) -> usize {
    let header = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    ENTRY_OVERHEAD + key.size() + headers.iter().map(header).sum::<usize>()
}

/// The age that an answer had when it arrived, in seconds.
fn age_of(headers: &HeaderMap) -> u64 {
    headers.get(AGE).and_then(|age| age.to_str().ok()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use actix_web::http::{Method, StatusCode};
    use tokio::time::advance;

    use super::*;

    fn key(target: &str) -> Arc<RequestKey> {
        let (uri, headers) = (format!("http://u{target}").parse().unwrap(), HeaderMap::new());
        Arc::new(RequestKey::of(&Method::GET, &uri, &headers, &headers).unwrap())
    }

    fn head(headers: &[(&str, &str)]) -> AnswerHead {
        let pairs =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        AnswerHead::read(&Method::GET, StatusCode::OK, &pairs.collect()).unwrap()
    }

    fn store(max_bytes: usize) -> StaleStore {
        StaleStore::new(StaleLimits { max_age: Duration::from_secs(60), max_bytes })
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_of_an_answer_includes_the_time_that_other_caches_have_kept_it() {
        let store = store(10_000);
        for (headers, expected) in
            [(&[][..], "7"), (&[("age", "100")], "107"), (&[("age", "x")], "7")]
        {
            store.keep(key("/"), head(headers), Bytes::new(), now());
            advance(Duration::from_millis(7_900)).await;
            let (head, _, age) = store.get(&key("/")).unwrap();
            assert_eq!(
                (head.headers.get(AGE).unwrap(), age.as_millis()),
                (&expected.parse().unwrap(), 7_900)
            );
        }
        advance(Duration::from_secs(53)).await;
        assert!(store.get(&key("/")).is_none(), "it is too old");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_a_body_takes_room_too() {
        let store = store(10 * ENTRY_OVERHEAD);
        for number in 0..100 {
            store.keep(key(&format!("/{number}")), head(&[("x-a", "b")]), Bytes::new(), now());
        }
        assert_eq!(store.snapshot().answers, 9);
        assert!(store.get(&key("/0")).is_none() && store.get(&key("/99")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_drops_the_answers_to_all_requests_for_its_target() {
        let store = store(100 * ENTRY_OVERHEAD);
        for target in ["/a", "/a?b", "/ab", "/b"] {
            store.keep(key(target), head(&[]), Bytes::new(), now());
        }
        let uri = "http://u/a".parse().unwrap();
        let accept = [("accept".parse().unwrap(), "x".parse().unwrap())].into_iter().collect();
        let other = RequestKey::of(&Method::HEAD, &uri, &accept, &accept).unwrap();
        store.keep(Arc::new(other), head(&[]), Bytes::new(), now());
        store.forget_all(&uri);
        assert_eq!(store.snapshot().answers, 3);
        assert!(store.get(&key("/a")).is_none() && store.get(&key("/ab")).is_some());
    }
}
