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

/// What an answer takes beside its text: its places in the tables.
const ENTRY: usize = 512;

/// The last good answers of an upstream, shared by all workers.
#[derive(Debug)]
pub(in crate::gateway) struct StaleStore {
    answers: Mutex<Answers>,
    /// The bodies that are copied. They are as large as all kept answers, at most.
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

    /// The quota of the bodies that are copied.
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
    ENTRY + key.size() + headers.iter().map(header).sum::<usize>()
}

/// The age that an answer had when it arrived, in seconds.
fn age_of(headers: &HeaderMap) -> u64 {
    headers.get(AGE).and_then(|age| age.to_str().ok()?.parse().ok()).unwrap_or(0)
}
