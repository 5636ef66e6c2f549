"""HTTP over a socket. A library may repeat a request on its own; then the counts would not be exact."""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass

# The service closes a connection that was idle for 5 s. A request that is sent at that moment is lost, and the caller
# has to repeat it (RFC 9112, 9.3.1). These callers open a new connection before that.
IDLE_IS_SAFE = 4.0

# Bytes of a body, or of a line of the event stream.
LARGEST = 4 * 1024 * 1024


class NoAnswer(Exception):
    """A request was sent, and no complete answer came."""


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Connection:
    """A caller's persistent connection, opened on demand."""

    def __init__(self, port):
        self._port = port
        self._reader = self._writer = None
        self._idle_since = 0.0

    async def ask(self, method, path, body=None, keep=True, patience=30.0):
        """The answer. NoAnswer if it does not come within `patience` seconds, or is cut off."""
        try:
            async with asyncio.timeout(patience):
                return await self._ask(method, path, body, keep)
        except TimeoutError:
            self.abort()
            raise NoAnswer(f"{method} {path}: nothing within {patience:g} s") from None
        except (OSError, EOFError, ValueError) as error:
            self.abort()
            raise NoAnswer(f"{method} {path}: {type(error).__name__}: {error}") from error

    async def _ask(self, method, path, body, keep):
        if time.monotonic() - self._idle_since > IDLE_IS_SAFE:
            self.abort()
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LARGEST)
        self._writer.write(request(method, path, body, keep))
        answer = await read_answer(self._reader)
        if not keep or answer.headers.get("connection") == "close":
            self.abort()
        self._idle_since = time.monotonic()
        return answer

    def abort(self):
        """Closes the connection at once, also during a request."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None


def request(method, path, body, keep=True):
    lines = [f"{method} {path} HTTP/1.1", "host: soak"]
    if not keep:
        lines.append("connection: close")
    content = b""
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return int(first.split(" ")[1]), headers


async def read_answer(reader):
    status, headers = await read_head(reader)
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(status, headers, body)


async def read_events(port, seconds):
    """Reads the event stream for `seconds`. Returns the number of events; their numbers must rise."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LARGEST)
    count, last = 0, -1
    try:
        writer.write(request("GET", "/api/events", None))
        async with asyncio.timeout(20):
            status, _ = await read_head(reader)
        if status != 200:
            raise NoAnswer(f"GET /api/events: status {status}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while line := await reader.readline():
                    if line.startswith(b"id: "):
                        number = int(line[4:].split(b"-")[0])
                        if number < last:
                            raise NoAnswer(f"GET /api/events: event {number} after {last}")
                        count, last = count + 1, number
                raise NoAnswer("GET /api/events: the stream ended")
        return count
    except (OSError, EOFError, ValueError) as error:
        raise NoAnswer(f"GET /api/events: {type(error).__name__}: {error}") from error
    finally:
        writer.transport.abort()
