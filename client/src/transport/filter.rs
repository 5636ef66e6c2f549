//! Corrects the heads of the responses on one connection. Pure: [`Socket`](super::socket::Socket) reads and writes.

use tokio::io::ReadBuf;

use super::head::{Head, MAX_HEAD};

/// Progress of the response to the last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte of the response has arrived.
    Unanswered,
    /// A part of the head has arrived and is in `held`.
    InHead,
    /// The head is complete: awc has it, or it is in `held` until awc reads it.
    Answering,
}

/// Removes interim responses, and corrects final heads that awc reads wrongly.
#[derive(Debug)]
pub(super) struct HeadFilter {
    phase: Phase,
    /// Bytes that have arrived and that awc has not read yet.
    held: Vec<u8>,
}

impl HeadFilter {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Answering, held: Vec::new() }
    }

    /// To be called when a part of a request is written. Returns true for the first part after a response.
    pub(super) fn begin_request(&mut self) -> bool {
        let is_first = self.phase == Phase::Answering;
        if is_first {
            self.phase = Phase::Unanswered;
        }
        is_first
    }

    /// True if a byte of the response has arrived, or no request has been written.
    pub(super) fn is_answered(&self) -> bool {
        self.phase != Phase::Unanswered
    }

    /// True if further bytes of the response need no correction.
    pub(super) fn is_past_head(&self) -> bool {
        self.phase == Phase::Answering
    }

    pub(super) fn holds_bytes(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes bytes of a head, and what follows them. Returns true if awc can be given these bytes, which this function
    /// may have corrected. Otherwise it has copied them: awc must be given the held bytes when the head is past.
    pub(super) fn take(&mut self, came: &mut [u8]) -> bool {
        self.phase = Phase::InHead;
        if self.held.is_empty() {
            // The usual case, the whole head in one read, needs no copy.
            if Head::correct(came) == Head::Final {
                self.phase = Phase::Answering;
                return true;
            }
        }
        self.held.extend_from_slice(came);
        // A head can only be complete after a line feed, so a head that arrives byte by byte is parsed once a line.
        if (came.contains(&b'\n') || self.held.len() >= MAX_HEAD) && self.find_final_head() {
            self.phase = Phase::Answering;
        }
        false
    }

    /// To be called when no further bytes arrive: awc must be given the held part of the head.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Answering;
    }

    /// Removes interim responses from `held`. Returns true if the rest can be given to awc.
    fn find_final_head(&mut self) -> bool {
        loop {
            match Head::correct(&mut self.held) {
                Head::Incomplete => return false,
                Head::Interim(length) => drop(self.held.drain(..length)),
                _ => return true,
            }
        }
    }

    /// Moves as many held bytes as fit into `buffer`.
    pub(super) fn release(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.held.len().min(buffer.remaining());
        buffer.put_slice(&self.held[..length]);
        self.held.drain(..length);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What awc reads of a response that arrives in these pieces before the connection ends.
    fn filtered<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut filter, mut read) = (HeadFilter::new(), Vec::new());
        assert!(filter.begin_request() && !filter.begin_request() && !filter.is_answered());
        for piece in pieces {
            let mut piece = piece.to_vec();
            if filter.is_past_head() && !filter.holds_bytes() || filter.take(&mut piece) {
                read.extend(piece);
            } else if filter.is_past_head() {
                release_all(&mut filter, &mut read);
            }
            assert!(filter.is_answered());
        }
        filter.end();
        release_all(&mut filter, &mut read);
        read
    }

    /// Into a buffer that is smaller than most heads.
    fn release_all(filter: &mut HeadFilter, read: &mut Vec<u8>) {
        while filter.holds_bytes() {
            let mut buffer = [0; 7];
            let mut buffer = ReadBuf::new(&mut buffer);
            filter.release(&mut buffer);
            read.extend(buffer.filled());
        }
    }

    fn head(codes: &'static [&'static str]) -> impl Strategy<Value = String> {
        let versions = prop::sample::select(vec!["HTTP/1.1", "HTTP/1.0", "HTTP/1", "HTTP/2", "H"]);
        let lines = prop::sample::select(vec![
            "Content-Length: 2\r\n",
            "Transfer-Encoding: chunked\r\n",
            "upgrade: websocket\r\n",
            "a: b\n",
            "a:\r\n",
            "no header\r\n",
            "\n",
        ]);
        let end = prop::sample::select(vec!["\r\n", "\n", ""]);
        let parts =
            (versions, prop::sample::select(codes), prop::collection::vec(lines, 0..4), end);
        parts.prop_map(|(version, code, lines, end)| {
            format!("{version} {code} Odd\r\n{}{end}", lines.concat())
        })
    }

    fn responses() -> impl Strategy<Value = Vec<u8>> {
        let interim = prop::collection::vec(head(&["100", "102", "103", "199"]), 0..3);
        let last = head(&["200", "204", "304", "101", "500", "2x0"]);
        let body =
            prop::sample::select(vec!["", "{}", "2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]);
        (interim, last, body)
            .prop_map(|(interim, last, body)| format!("{}{last}{body}", interim.concat()).into())
    }

    proptest! {
        #![proptest_config(resilience_testing::props::config())]

        #[test]
        fn a_response_is_filtered_the_same_in_whatever_pieces_it_arrives(
            response in responses(),
            size in 2_usize..40,
        ) {
            let whole = filtered([&response[..]]);
            let byte_by_byte = filtered(response.chunks(1));
            prop_assert_eq!(&byte_by_byte, &whole, "{}", String::from_utf8_lossy(&response));
            prop_assert_eq!(&filtered(response.chunks(size)), &whole);
            for at in 1..response.len() {
                let (first, second) = response.split_at(at);
                prop_assert_eq!(&filtered([first, second]), &whole, "{}", at);
            }
        }
    }

    #[test]
    fn interim_responses_are_removed_and_a_body_without_a_length_is_one_of_http_1_0() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\na: b\r\n\r\n";
        let response = format!("{interim}HTTP/1.1 200 OK\r\n\r\n{{}}");
        for size in 1..=response.len() {
            let read = filtered(response.as_bytes().chunks(size));
            assert_eq!(read, b"HTTP/1.0 200 OK\r\n\r\n{}", "{size}");
        }
    }
}
