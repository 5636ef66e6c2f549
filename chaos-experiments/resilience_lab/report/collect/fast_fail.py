"""Measures a rejection: calls on one persistent connection alternate with `GET /health`, which does no work.

The difference is the cost of the open circuit. It uses a plain socket, because an HTTP library is slower than the
rejection. `python -m resilience_lab.report.collect.fast_fail URL` prints the times as JSON.
"""

import json
import re
import socket
import sys
import time
from urllib.parse import urlsplit

REFUSED, HEALTH = "/api/call-backend", "/health"
EXPECTED = {REFUSED: 503, HEALTH: 200}

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def measure(url: str, pairs: int = 300, warm_up: int = 20) -> dict:
    """`pairs` rejections and health checks, alternating; ValueError if a call was not rejected."""
    host, port = urlsplit(url).hostname, urlsplit(url).port or 80
    with socket.create_connection((host, port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ask = {path: f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for path in EXPECTED}
        times: dict[str, list[float]] = {path: [] for path in ask}
        for _ in range(warm_up + pairs):
            for path, request in ask.items():
                seconds, status = exchange(connection, request)
                if status != EXPECTED[path]:
                    raise ValueError(f"{path} was answered with {status}: the circuit is not open")
                times[path].append(round(seconds, 7))
    return {"refused": times[REFUSED][warm_up:], "health": times[HEALTH][warm_up:]}


def exchange(connection: socket.socket, request: bytes) -> tuple[float, int]:
    """Sends a request; the seconds until the last byte of its answer, and its status."""
    begin = time.perf_counter()
    connection.sendall(request)
    received = b""
    while True:
        chunk = connection.recv(65536)
        if not chunk:
            raise ValueError("the connection was closed")
        received += chunk
        head, end, body = received.partition(b"\r\n\r\n")
        if end and len(body) >= int(LENGTH.search(head + b"\r\n")[1]):
            return time.perf_counter() - begin, int(head.split(b" ", 2)[1])


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1])))
