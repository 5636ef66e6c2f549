//! Sends messages to actix actors: [`Upstream::send`].
//!
//! ```
//! use actix::prelude::*;
//! use resilience_actors::{Breaker, Upstream};
//!
//! #[derive(Message, Clone)]
//! #[rtype(result = "Result<i32, String>")]
//! struct Divide(i32, i32);
//!
//! # struct Divider;
//! # impl Actor for Divider { type Context = Context<Self>; }
//! # impl Handler<Divide> for Divider {
//! #     type Result = Result<i32, String>;
//! #     fn handle(&mut self, Divide(number, by): Divide, _: &mut Context<Self>) -> Self::Result {
//! #         number.checked_div(by).ok_or_else(|| format!("cannot divide by {by}"))
//! #     }
//! # }
//! # System::new().block_on(async {
//! let divider = Upstream::builder("divider").breaker(Breaker::consecutive(3)).start()?;
//! let address = Divider.start();
//! assert_eq!(divider.send(&address, Divide(6, 2)).await?, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! - An actor that is gone is [`Outcome::Unreachable`], and an `Err` of the actor [`Outcome::ServerError`].
//! - Each attempt sends a clone of the message, so the actor may get it more than once. For a message that must not be
//!   repeated, use [`Upstream::call_once`].
//! - A message whose attempt a time limit has ended is not handled, unless the actor has begun to handle it.
//! - The mailbox's capacity limits nothing, because each call has its own clone of the address, for which actix has
//!   always room. Limit the messages in flight with [`concurrency`](crate::UpstreamBuilder::concurrency).

use std::{convert::Infallible, fmt::Display};

use actix::{Actor, Addr, Handler, MailboxError, Message, Recipient, dev::ToEnvelope};

use crate::{
    operation::{Attempt, Operation},
    outcome::{Outcome, Verdict},
    report::CallError,
    upstream::Upstream,
};

/// Where messages are sent: an [`Addr`] or a [`Recipient`].
pub trait Mailbox<M: Message>: Clone + 'static {
    /// Sends the message and waits for the actor's result. Dropping the future takes the message back, unless the actor
    /// has begun to handle it.
    fn deliver(&self, message: M) -> impl Future<Output = Result<M::Result, MailboxError>>;
}

impl<A, M> Mailbox<M> for Addr<A>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message<Result: Send> + Send + 'static,
{
    fn deliver(&self, message: M) -> impl Future<Output = Result<M::Result, MailboxError>> {
        self.send(message)
    }
}

impl<M: Message<Result: Send> + Send + 'static> Mailbox<M> for Recipient<M> {
    fn deliver(&self, message: M) -> impl Future<Output = Result<M::Result, MailboxError>> {
        self.send(message)
    }
}

/// Why an actor gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError<E> {
    /// The actor is gone, or ended before it answered ([`MailboxError::Closed`]); or the mailbox has a time limit of
    /// its own, which passed.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// The actor answered with this error.
    #[error("{0}")]
    Actor(E),
}

/// A message to an actor, as an [`Operation`]: for calls with [`CallOptions`](crate::CallOptions), a fallback, or a
/// whole report.
pub struct SendMessage<B, M: Message, T, E> {
    mailbox: B,
    message: M,
    read: fn(M::Result) -> Result<T, E>,
}

impl<B: Mailbox<M>, M, T, E> SendMessage<B, M, T, E>
where
    M: Message<Result = Result<T, E>>,
{
    /// A message to which the actor answers with a `Result`, whose `Err` is a failure.
    pub fn new(mailbox: &B, message: M) -> Self {
        Self { mailbox: mailbox.clone(), message, read: |result| result }
    }
}

impl<B: Mailbox<M>, M: Message> SendMessage<B, M, M::Result, Infallible> {
    /// A message for which every answer is a success.
    pub fn infallible(mailbox: &B, message: M) -> Self {
        Self { mailbox: mailbox.clone(), message, read: Ok }
    }
}

impl<B, M, T, E> Operation for SendMessage<B, M, T, E>
where
    B: Mailbox<M>,
    M: Message + Clone + 'static,
    T: 'static,
    E: Display + 'static,
{
    type Answer = T;
    type Error = AddressError<E>;

    async fn run(&self, _: Attempt<'_>) -> Result<T, AddressError<E>> {
        let result = self.mailbox.deliver(self.message.clone()).await?;
        (self.read)(result).map_err(AddressError::Actor)
    }

    fn classify(&self, result: &Result<T, AddressError<E>>) -> Verdict {
        match result {
            Ok(_) => Outcome::Success,
            Err(AddressError::Mailbox(MailboxError::Closed)) => Outcome::Unreachable,
            Err(AddressError::Mailbox(MailboxError::Timeout)) => Outcome::TimedOut,
            Err(AddressError::Actor(_)) => Outcome::ServerError,
        }
        .into()
    }
}

impl Upstream {
    /// Sends a message to an actor that answers with a `Result`: an `Err` is a failure of the actor. `address` is an
    /// [`Addr`] or a [`Recipient`]. [The module](crate::adapters::address) says what else is a failure.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn send<M, T, E>(
        &self,
        address: &impl Mailbox<M>,
        message: M,
    ) -> Result<T, CallError<AddressError<E>>>
    where
        M: Message<Result = Result<T, E>> + Clone + 'static,
        T: 'static,
        E: Display + 'static,
    {
        self.run(SendMessage::new(address, message)).await.result
    }

    /// As [`send`](Self::send), for a message whose every answer is a success: what the actor answers is no `Result`,
    /// or its `Err` is no failure.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Panics
    /// As [`call`](Self::call).
    pub async fn send_infallible<M>(
        &self,
        address: &impl Mailbox<M>,
        message: M,
    ) -> Result<M::Result, CallError<AddressError<Infallible>>>
    where
        M: Message + Clone + 'static,
    {
        self.run(SendMessage::infallible(address, message)).await.result
    }
}
