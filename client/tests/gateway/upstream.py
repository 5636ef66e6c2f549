"""An upstream that is not written in Rust, on asyncio alone. Prints its port, and serves until its input ends."""

import asyncio
import contextlib
import hashlib
import json
import sys

CHUNKED = "Transfer-Encoding: chunked"
PART = 64 * 1024
# More than this of a body is refused by /small.
SMALL = 1024 * 1024


def text(value):
    return json.dumps(value).encode()


class Exchange:
    """One request, and its answer."""

    def __init__(self, reader, writer, head):
        self.reader, self.writer = reader, writer
        line, *fields = head.decode("latin-1").split("\r\n")[:-2]
        self.method, self.target, _ = line.split(" ")
        self.path = self.target.partition("?")[0]
        pairs = (field.split(":", 1) for field in fields)
        self.headers = {name.lower(): value.strip() for name, value in pairs}
        self.chunked = self.headers.get("transfer-encoding") == "chunked"
        self.trailers = []

    async def body(self):
        """The parts of the body."""
        if not self.chunked:
            left = int(self.headers.get("content-length", 0))
            while left > 0:
                part = await self.reader.read(min(left, PART))
                if not part:
                    raise ConnectionError
                left -= len(part)
                yield part
            return
        while size := int(await self.reader.readline(), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readline()
        while (trailer := await self.reader.readline()) not in (b"\r\n", b""):
            self.trailers.append(trailer.decode("latin-1").strip())

    async def say(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status, *headers):
        lines = [f"HTTP/1.1 {status}", *headers]
        await self.say(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def answer(self, status, body, *headers):
        await self.head(status, f"Content-Length: {len(body)}", *headers)
        if self.method != "HEAD":
            await self.say(body)

    async def chunk(self, data):
        await self.say(b"%x\r\n%s\r\n" % (len(data), data))


async def echo(exchange):
    """What was received."""
    size, digest = 0, hashlib.sha256()
    async for part in exchange.body():
        size += len(part)
        digest.update(part)
    seen = {
        "method": exchange.method,
        "path": exchange.target,
        "size": size,
        "sha256": digest.hexdigest(),
        "chunked": exchange.chunked,
        "headers": exchange.headers,
        "trailers": exchange.trailers,
    }
    await exchange.answer("200 OK", text(seen), "Content-Type: application/json")


async def events(exchange):
    await exchange.head("200 OK", "Content-Type: text/event-stream", CHUNKED)
    for number in range(3):
        await exchange.chunk(b"data: %d\n\n" % number)
        await asyncio.sleep(0.05)
    await exchange.say(b"0\r\n\r\n")


async def trailers(exchange):
    await exchange.head("200 OK", "Trailer: X-Sum", CHUNKED)
    await exchange.chunk(b"with a trailer")
    await exchange.say(b"0\r\nX-Sum: 1\r\n\r\n")


async def unchanged(exchange):
    await exchange.head("304 Not Modified", 'ETag: "1"', "Content-Length: 1000")


async def small(exchange):
    """Refuses a large body after its beginning, and reads no more."""
    size = 0
    async for part in exchange.body():
        size += len(part)
        if size > SMALL:
            await exchange.answer("413 Content Too Large", b"too large", "Connection: close")
            exchange.writer.write_eof()
            # A connection that is closed with unread bytes would be reset before the answer is read.
            await asyncio.sleep(0.5)
            raise ConnectionError
    await exchange.answer("200 OK", b"small")


ROUTES = {"/events": events, "/trailers": trailers, "/unchanged": unchanged, "/small": small}


async def serve(reader, writer):
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            exchange = Exchange(reader, writer, head)
            await ROUTES.get(exchange.path, echo)(exchange)
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
