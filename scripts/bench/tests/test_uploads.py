"""Bodies of uploads, and their ratios."""

from bench import uploads


def test_a_part_of_a_chunked_body_has_as_many_bytes_of_data_as_that_of_a_sized_one():
    assert len(uploads.BODIES["sized"].part()) == uploads.PART
    part, size = uploads.BODIES["chunked"].part(), 0
    while part:
        length, _, rest = part.partition(b"\r\n")
        end = int(length, 16)
        assert rest[end : end + 2] == b"\r\n"
        part, size = rest[end + 2 :], size + end
    assert size == uploads.PART


def test_ours_is_limited_at_the_steady_rate():
    seen = {body: {"ours": [21.0], "awc": [30.0], "actix": [10.0]} for body in uploads.BODIES}
    verdicts = {
        (body, name): row["ratio"]["verdict"]
        for body, servers in uploads.summary(seen).items()
        for name, row in servers.items()
    }
    missed = {key for key, verdict in verdicts.items() if verdict == "missed"}
    assert missed == {("sized", "ours"), ("chunked", "ours")}
