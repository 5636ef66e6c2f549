//! The header that tells an upstream how much time the caller has.

use std::time::Duration;

/// The header with the time that a caller has left, as [`time_left`] writes it. An operation sends it if
/// [`Attempt::deadline`](crate::Attempt::deadline) is set.
///
/// As gRPC's `grpc-timeout`, it holds the time that is left, not an instant, so that the clocks of the machines may
/// differ (<https://grpc.io/docs/guides/deadlines/>).
pub const REQUEST_DEADLINE: &str = "x-request-deadline";

/// The value of [`REQUEST_DEADLINE`]: a decimal number of seconds. Rounded up to microseconds and at least one, so that
/// the receiver does not give up before the sender.
pub fn time_left(left: Duration) -> String {
    let micros = left.as_nanos().div_ceil(1_000).max(1);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_rounded_up_to_microseconds_and_never_zero() {
        for (nanos, expected) in [
            (0, "0.000001"),
            (1_000, "0.000001"),
            (1_001, "0.000002"),
            (1_250_000_000, "1.250000"),
            (2_591_999_999_999_999, "2592000.000000"),
        ] {
            assert_eq!(time_left(Duration::from_nanos(nanos)), expected, "{nanos}");
        }
    }
}
