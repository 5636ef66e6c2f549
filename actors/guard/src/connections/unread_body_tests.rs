use super::*;

/// A body of these chunks, with the last one written so, up to the byte after its zeros; and what follows.
fn body(chunks: &[&str], last: &str) -> (Vec<u8>, usize) {
    let chunks: String =
        chunks.iter().map(|data| format!("{:x}\r\n{data}\r\n", data.len())).collect();
    let zeros = last.len() - last.trim_start_matches('0').len();
    let seen = chunks.len() + zeros + 1;
    let requests = "GET / HTTP/1.1\r\nhost: t\r\n\r\n".repeat(100);
    (format!("{chunks}{last}{requests}").into_bytes(), seen)
}

/// A chunked body whose beginning has reached the handler.
fn begun() -> UnreadBody {
    let mut body = UnreadBody::chunked();
    body.hand_out(513);
    body
}

/// True if it is read in large steps.
fn is_large(body: UnreadBody) -> bool {
    let (step, most) = (body.read_step(), body.read_at_once(100));
    assert!((step, most) == (512, 100) || (step, most) == (131_072, usize::MAX), "{step} {most}");
    step > 512
}

#[test]
fn a_body_of_known_length_is_read_in_large_steps_until_only_requests_can_follow() {
    let mut body = UnreadBody::sized(140_300);
    body.hand_out(300);
    for (received, step, most) in [
        (0, 131_072, 140_000),
        (130_000, 10_000, 10_000),
        (9_900, 512, 512),
        (100, 512, 512),
        (1, 512, 512),
    ] {
        assert_eq!(body.receive(&vec![b'0'; received]), received);
        assert_eq!((body.read_step(), body.read_at_once(512)), (step, most));
    }
    assert_eq!(UnreadBody::sized(u64::MAX).read_step(), 131_072);
    let mut body = UnreadBody::sized(10_000);
    body.receive(&[0; 2_000]);
    body.hand_out(1_000);
    assert_eq!(body.read_step(), 8_000, "what was received counts before the handler has it");
}

#[test]
fn a_chunked_body_is_read_in_large_steps_between_its_beginning_and_its_last_chunk() {
    let mut body = UnreadBody::chunked();
    body.receive(&[b'x'; 1000]);
    assert!(!is_large(body));
    body.hand_out(512);
    assert!(!is_large(body));
    body.hand_out(1);
    assert!(is_large(body));
    assert_eq!(body.receive(b"\r\n0;x"), 4);
    assert!(!is_large(body));
    assert_eq!(body.receive(b"x"), 1);
    body.hand_out(1_003);
    assert!(!is_large(body), "the handler may have had all of it");
}

#[test]
fn data_that_looks_like_a_last_chunk_is_read_in_small_steps_until_more_data_has_reached_the_handler()
 {
    let mut body = begun();
    assert_eq!(body.receive(b"\r\n0\r\nmore"), 4);
    body.receive(b"\r\n0\r");
    // 8 bytes were received to there, and at most 512 before.
    body.hand_out(520 - 513);
    assert!(!is_large(body));
    body.hand_out(1);
    assert!(is_large(body));
}

#[test]
fn nothing_behind_the_last_chunk_is_used_at_once_however_the_bytes_arrive() {
    let chunks = ["some data", "x", "\r", "\r\n", "a\r\n1\r\nb", "\r\n00x"];
    for last in
        ["0\r\n\r\n", "000\r\n\r\n", "0;x=y\r\n\r\n", "0 \t\r\n\r\n", "0\t;\r\nx: y\r\n\r\n"]
    {
        let (bytes, seen) = body(&chunks, last);
        for at in 0..seen {
            let mut body = begun();
            assert_eq!(body.receive(&bytes[..at]), at);
            assert!(is_large(body));
            assert_eq!(at + body.receive(&bytes[at..]), seen, "{last:?} after {at} bytes");
            assert!(!is_large(body));
        }
    }
}

#[test]
fn data_is_taken_for_a_last_chunk_only_if_it_looks_so() {
    for (data, is_taken) in [
        ("\r\n0\r\n", true),
        ("\r\n0; a row of a table", true),
        ("\r\n0,1\r\n00a\r\n01\n0\r\n\r0\r\n", false),
        ("0\r\n\r\r\n\n0", false),
    ] {
        let mut body = begun();
        body.receive(data.as_bytes());
        assert_eq!(!is_large(body), is_taken, "{data:?}");
    }
}
