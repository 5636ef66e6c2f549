"""HTTP, without proxies: one call, one connection."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(method: str, url: str, body: Any = None, seconds: float = 30, token: str | None = None) -> tuple[int, Any]:
    """Status and body of any answer. OSError if there is none within `seconds`. `token` is the admin token."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    status, content = _ask(method, url, data, headers, seconds)
    return status, json.loads(content)


def succeed(url: str, seconds: float = 1) -> None:
    """OSError unless a GET is answered with a 2xx."""
    _OPENER.open(url, timeout=seconds).close()


def get(url: str, seconds: float = 30) -> Any:
    """The body of the answer to a GET, whatever its status."""
    return call("GET", url, seconds=seconds)[1]


def content(url: str, seconds: float = 30, method: str = "GET", headers: Mapping[str, str] | None = None) -> bytes:
    """The body of any answer, which need not be JSON."""
    return _ask(method, url, None, headers or {}, seconds)[1]


def _ask(method: str, url: str, body: bytes | None, headers: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, dict(headers), method=method)
    try:
        with _OPENER.open(request, timeout=seconds) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
