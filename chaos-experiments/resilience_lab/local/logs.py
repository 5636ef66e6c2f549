"""Logs of the pods: in a file, and in memory with the time of each line, for `kubectl logs`."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# More than a pod of the lab writes. The file has all lines.
LINES_KEPT = 100_000


def timestamp(seconds: float, digits: int = 0) -> str:
    """RFC 3339, in UTC."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(digits, '0')[:digits]}Z" if digits else f"{whole}Z"


@dataclass(frozen=True)
class Line:
    """One line without its newline; `time` is when it was received, in seconds since 1970."""

    time: float
    text: bytes

    def shown(self, timestamps: bool) -> bytes:
        prefix = f"{timestamp(self.time, 9)} ".encode() if timestamps else b""
        return prefix + self.text + b"\n"


class PodLog:
    """Standard output and standard error of one pod."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered: the file must be complete even after a SIGKILL.
        self._file = path.open("ab", buffering=0)
        self._lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self._dropped = 0
        self._rest = b""
        self._changed = asyncio.Event()
        self.closed = False

    def feed(self, data: bytes, now: float) -> None:
        self._file.write(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._dropped += len(self._lines) == LINES_KEPT
            self._lines.append(Line(now, line))
        self._wake()

    def close(self, now: float) -> None:
        if self.closed:
            return
        if self._rest:
            self.feed(b"\n", now)
        self._file.close()
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def lines(self, since: float | None = None, tail: int | None = None) -> list[Line]:
        """The lines since a time, or the last `tail` of them."""
        found = [line for line in self._lines if since is None or line.time >= since]
        return found if tail is None else found[max(0, len(found) - tail) :]

    @property
    def count(self) -> int:
        """Number of lines so far."""
        return self._dropped + len(self._lines)

    async def follow(self, start: int) -> AsyncIterator[Line]:
        """The lines from this number on, until the pod has ended."""
        while True:
            changed = self._changed
            for line in list(self._from(start)):
                start += 1
                yield line
            if self.closed:
                return
            if changed is self._changed:
                await changed.wait()

    def _from(self, start: int) -> Iterator[Line]:
        return itertools.islice(self._lines, max(0, start - self._dropped), None)
