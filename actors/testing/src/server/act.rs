//! One thing that a server does on a connection.

use std::time::Duration;

/// One thing that a server does on a connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Sends them one by one, with a pause after each.
    Trickle(Vec<u8>, Duration),
    /// Sends them again and again, until the client closes the connection.
    Forever(Vec<u8>),
    /// Waits until the client sends something.
    Await,
    /// Reads, and sends nothing, until the client closes the connection.
    Hold,
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
}

impl Act {
    /// The same with other bytes.
    #[must_use]
    pub fn map(&self, bytes: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        match self {
            Self::Say(said) => Self::Say(bytes(said)),
            Self::Trickle(said, pause) => Self::Trickle(bytes(said), *pause),
            Self::Forever(said) => Self::Forever(bytes(said)),
            Self::Await | Self::Hold | Self::Close | Self::Reset => self.clone(),
        }
    }
}
