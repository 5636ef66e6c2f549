"""Kubernetes `Status` objects: the API's errors."""

import json
from typing import Any

from aiohttp import web

REASONS = {
    400: "BadRequest",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "AlreadyExists",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    500: "InternalError",
    503: "ServiceUnavailable",
}
STATUS = {"kind": "Status", "apiVersion": "v1", "metadata": {}}


class ApiError(Exception):
    """An error that is answered with a Status."""

    def __init__(self, code: int, message: str, details: dict[str, Any] | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {
            **STATUS,
            "status": "Failure",
            "message": message,
            "reason": reason or REASONS.get(code, "Unknown"),
            **({"details": details} if details else {}),
            "code": code,
        }


def not_found(kind: str, name: str, group: str = "") -> ApiError:
    full = f"{kind}.{group}" if group else kind
    return ApiError(404, f'{full} "{name}" not found', {"name": name, "group": group, "kind": kind})


def success(kind: str, name: str, uid: str, group: str = "") -> dict[str, Any]:
    return {**STATUS, "status": "Success", "details": {"name": name, "group": group, "kind": kind, "uid": uid}}


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answers every error with a Status, aiohttp's own too."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(error.body, status=error.code)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        messages = {
            404: "the server could not find the requested resource",
            405: f"the local cluster does not support {request.method} here",
        }
        message = messages.get(error.status, error.reason)
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response(ApiError(error.status, message).body, status=error.status, headers=headers)


def flag(request: web.Request, name: str) -> bool:
    """A boolean of the query, in any notation of Go."""
    value = request.query.get(name, "").lower()
    if value in ("", "0", "f", "false"):
        return False
    if value in ("1", "t", "true"):
        return True
    raise ApiError(400, f"{name}: {value!r} is not a boolean")


def whole_number(request: web.Request, name: str) -> int | None:
    value = request.query.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise ApiError(400, f"{name}: {value!r} is not a whole number")
    return int(value)


async def body_of(request: web.Request) -> Any:
    """The JSON body; None if there is none."""
    text = await request.text()
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ApiError(400, f"the body is not JSON: {error}") from error
