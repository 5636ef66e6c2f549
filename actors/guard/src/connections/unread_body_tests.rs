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

fn ahead(bytes: &[u8]) -> UnreadBody {
    UnreadBody::chunked().received(bytes).handed_out(513)
}

#[test]
fn a_body_of_known_length_is_read_in_large_steps_until_only_requests_can_follow() {
    let mut body = UnreadBody::sized(40_300).handed_out(300);
    for (received, step) in [(0, 32_768), (30_000, 10_000), (9_900, 512), (100, 512), (1, 512)] {
        body = body.received(&vec![b'0'; received]);
        assert_eq!(body.read_step(), step);
    }
    assert_eq!(UnreadBody::sized(u64::MAX).read_step(), 32_768);
    let body = UnreadBody::sized(10_000).received(&[0; 2_000]).handed_out(1_000);
    assert_eq!(body.read_step(), 8_000, "what was received counts before the handler has it");
}

#[test]
fn a_chunked_body_is_read_in_large_steps_once_its_beginning_is_known() {
    let body = UnreadBody::chunked().received(&[b'x'; 1000]);
    assert_eq!((body.read_step(), body.may_look_ahead()), (512, false));
    let body = body.handed_out(512);
    assert_eq!((body.read_step(), body.may_look_ahead()), (512, false));
    let body = body.handed_out(1);
    assert_eq!((body.read_step(), body.may_look_ahead()), (32_768, true));
    let body = body.received(b"\r\n0;");
    assert_eq!((body.read_step(), body.may_look_ahead()), (512, false));
    let body = body.received(b"x").handed_out(1_000_000);
    assert_eq!((body.read_step(), body.may_look_ahead()), (512, false), "for good");
}

#[test]
fn nothing_behind_the_last_chunk_is_read_at_once_however_the_bytes_arrive() {
    let chunks = ["some data", "x", "\r", "\r\n", "a\r\n1\r\nb", "\r\n00x"];
    for last in
        ["0\r\n\r\n", "000\r\n\r\n", "0;x=y\r\n\r\n", "0 \t\r\n\r\n", "0\t;\r\nx: y\r\n\r\n"]
    {
        let (bytes, seen) = body(&chunks, last);
        for at in 0..seen {
            let body = ahead(&bytes[..at]);
            let length = body.length_in(&bytes[at..]);
            assert_eq!(at + length, seen, "{last:?} after {at} bytes");
            assert!(
                body.may_look_ahead() && !body.received(&bytes[at..at + length]).may_look_ahead()
            );
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
        let body = ahead(data.as_bytes());
        assert_eq!(body.may_look_ahead(), !is_taken, "{data:?}");
    }
}
