//! The acts of a scripted server.

use std::time::Duration;

/// One step of a server on a connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Sends these bytes one by one, with a pause after each.
    Trickle(Vec<u8>, Duration),
    /// Sends these bytes repeatedly until the client closes the connection.
    Forever(Vec<u8>),
    /// Waits until the client sends something.
    Await,
    /// Reads without sending until the client closes the connection.
    Hold,
    /// Closes the connection.
    Close,
    /// Closes the connection without the end of TLS (close_notify).
    Abandon,
    /// Resets the connection.
    Reset,
}

impl Act {
    /// The same act, with `bytes` applied to its bytes.
    #[must_use]
    pub fn map(&self, bytes: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        match self {
            Self::Say(said) => Self::Say(bytes(said)),
            Self::Trickle(said, pause) => Self::Trickle(bytes(said), *pause),
            Self::Forever(said) => Self::Forever(bytes(said)),
            Self::Await | Self::Hold | Self::Close | Self::Abandon | Self::Reset => self.clone(),
        }
    }
}
