import asyncio

import pytest

from resilience_lab.local.logs import PodLog, timestamp


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pod.log"


@pytest.fixture
def log(path):
    log = PodLog(path)
    yield log
    log.close(0.0)


def texts(log, **which):
    return [line.text for line in log.lines(**which)]


def test_lines_are_joined_from_chunks_and_the_file_is_complete(log, path):
    log.feed(b"one\ntw", 1.0)
    assert texts(log) == [b"one"]
    log.feed(b"o\nrest", 2.0)
    log.close(3.0)
    assert texts(log) == [b"one", b"two", b"rest"]
    assert path.read_bytes() == b"one\ntwo\nrest\n"


def test_since_is_applied_before_tail(log):
    for second in range(5):
        log.feed(b"%d\n" % second, float(second))
    assert texts(log, since=2.0) == [b"2", b"3", b"4"]
    assert texts(log, since=2.0, tail=1) == [b"4"]
    assert texts(log, tail=0) == []


def test_following_ends_with_the_pod(log):
    async def follow(start):
        return [line.text async for line in log.follow(start)]

    log.feed(b"before\n", 1.0)
    start = log.count
    log.feed(b"after\n", 2.0)
    log.close(3.0)
    assert asyncio.run(follow(start)) == [b"after"]


def test_times_are_shown_in_utc_with_nine_digits(log):
    log.feed(b"x\n", 1.5)
    assert log.lines()[0].shown(timestamps=True) == b"1970-01-01T00:00:01.500000000Z x\n"
    assert timestamp(1.5) == "1970-01-01T00:00:01Z"
