"""The API server's proxy: forwards requests to a pod, from the node."""

from collections.abc import Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from .status import ApiError

# Headers for one connection, or for the API server itself.
NOT_FORWARDED = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding"),
    *("upgrade", "host", "content-length", "authorization"),
}
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)


async def forward(request: web.Request, ip: str, port: int) -> web.StreamResponse:
    """Forwards method, path, query, headers and body; returns status, headers and body."""
    _, _, path = request.raw_path.partition("/proxy")
    url = f"http://{ip}:{port}{path if path.startswith('/') else '/' + path}"
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(
        connector=connector, timeout=TIMEOUT, auto_decompress=False, skip_auto_headers=("User-Agent", "Content-Type")
    ) as session:
        try:
            answer = await session.request(
                request.method,
                URL(url, encoded=True),
                headers=_forwarded(request.headers),
                data=await request.read() if request.can_read_body else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ApiError(503, f"error trying to reach service: {error}") from error
        async with answer:
            headers = _forwarded(answer.headers)
            response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=headers)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in NOT_FORWARDED}
