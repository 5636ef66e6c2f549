"""The Kubernetes API, as far as this cluster has it: plain HTTP on the node's address."""

import re
import time
import uuid
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from . import objects
from .changes import CHANGEABLE, patched
from .cluster import Cluster
from .network import API_PORT, NODE_IP
from .pods import Pod
from .policy import Refused, parse
from .proxy import forward
from .resources import BY_NAME, RESOURCES, answer_item, answer_list, discovery, find
from .status import ApiError, body_of, errors, flag, not_found, success, whole_number
from .store import Object

POLICIES = "networking.k8s.io"


async def serve(cluster: Cluster) -> None:
    """Starts answering, until the process ends."""
    runner = web.AppRunner(Api(cluster).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, NODE_IP, API_PORT).start()


class Api:
    """The routes."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def application(self) -> web.Application:
        app = web.Application(middlewares=[errors], client_max_size=16 * 1024 * 1024)
        for path, document in discovery().items():
            app.router.add_get(path, partial(self._document, document), allow_head=False)
        for path in ("/healthz", "/livez", "/readyz"):
            app.router.add_get(path, self._healthy)
        for each in RESOURCES:
            within = f"{each.prefix}/namespaces/{{namespace}}" if each.namespaced else each.prefix
            listing = partial(answer_list, self._cluster.store, each)
            app.router.add_get(f"{within}/{each.name}", listing)
            if each.namespaced:
                app.router.add_get(f"{each.prefix}/{each.name}", listing)
            app.router.add_get(f"{within}/{each.name}/{{name}}", partial(self._item, each.name))
            if each.name in CHANGEABLE:
                app.router.add_patch(f"{within}/{each.name}/{{name}}", partial(self._patch, each.name))
        core = "/api/v1/namespaces/{namespace}"
        policies = f"/apis/{POLICIES}/v1/namespaces/{{namespace}}/networkpolicies"
        app.router.add_delete(f"{core}/pods/{{name}}", self._delete_pod)
        app.router.add_get(f"{core}/pods/{{name}}/log", self._log)
        for kind in ("pods", "services"):
            app.router.add_route("*", f"{core}/{kind}/{{name}}/proxy{{path:(/.*)?}}", partial(self._proxy, kind))
        app.router.add_post(policies, self._create_policy)
        app.router.add_delete(f"{policies}/{{name}}", self._delete_policy)
        return app

    async def _document(self, document: dict[str, Any], request: web.Request) -> web.Response:
        return web.json_response(document)

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _item(self, kind: str, request: web.Request) -> web.Response:
        return answer_item(self._cluster.store, BY_NAME[kind], request)

    async def _patch(self, kind: str, request: web.Request) -> web.Response:
        if request.content_type != "application/merge-patch+json":
            raise ApiError(415, f"only application/merge-patch+json is known here, not {request.content_type}")
        item = find(self._cluster.store, BY_NAME[kind], request)
        new = patched(kind, item, await body_of(request))
        if not _is_dry_run(request, {}):
            self._cluster.change(kind, new)
            new = self._cluster.store.get(kind, new["metadata"]["name"])
        return web.json_response(new)

    def _pod(self, request: web.Request, name: str | None = None) -> Pod:
        name = request.match_info["name"] if name is None else name
        pod = self._cluster.pods.get(name)
        if pod is None or request.match_info["namespace"] != self._cluster.lab.namespace:
            raise not_found("pods", name)
        return pod

    # ---- pods --------------------------------------------------------------------------------------------------------

    async def _delete_pod(self, request: web.Request) -> web.Response:
        options = await _delete_options(request)
        pod = self._pod(request)
        _check_preconditions(options, pod.state.uid, "pods", pod.state.name)
        grace = options.get("gracePeriodSeconds", whole_number(request, "gracePeriodSeconds"))
        if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or grace < 0):
            raise ApiError(422, f"gracePeriodSeconds: {grace!r} is not a whole number from 0")
        item = find(self._cluster.store, BY_NAME["pods"], request)
        if not _is_dry_run(request, options):
            self._cluster.delete_pod(pod, grace)
            item = self._cluster.store.get("pods", pod.state.name) or item
        return web.json_response(item)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request)
        container = pod.state.deployment.container
        if request.query.get("container") not in (None, "", container):
            raise ApiError(400, f"container {request.query['container']} is not valid for pod {pod.state.name}")
        if flag(request, "previous"):
            raise ApiError(400, f'previous terminated container "{container}" in pod "{pod.state.name}" not found')
        if pod.state.started is None:
            raise ApiError(
                400, f'container "{container}" in pod "{pod.state.name}" is waiting to start: ContainerCreating'
            )
        timestamps, following = flag(request, "timestamps"), flag(request, "follow")
        lines, count = pod.log.lines(_since(request), whole_number(request, "tailLines")), pod.log.count
        text = b"".join(line.shown(timestamps) for line in lines)
        limit = whole_number(request, "limitBytes")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(text if limit is None else text[:limit])
        if following:
            async for line in pod.log.follow(count):
                await response.write(line.shown(timestamps))
        await response.write_eof()
        return response

    async def _proxy(self, kind: str, request: web.Request) -> web.StreamResponse:
        found = re.fullmatch(r"(?:(https?):)?([^:]*)(?::([^:]*))?", request.match_info["name"])
        if not found or found[1] == "https":
            raise ApiError(400, f"invalid {kind} request {request.match_info['name']!r}: expected NAME:PORT")
        if kind == "pods":
            pod = self._pod(request, found[2])
            if pod.state.started is None or pod.state.ip is None:
                raise ApiError(503, f"pod {found[2]} is not running", reason="ServiceUnavailable")
            port = found[3] or str(pod.state.deployment.port)
            if not port.isdigit():
                raise ApiError(400, f"invalid pod request: port {port!r} is not a number")
            return await forward(request, pod.state.ip, int(port))
        services = {each.name: each for each in self._cluster.lab.services}
        service = services.get(found[2])
        if service is None or request.match_info["namespace"] != self._cluster.lab.namespace:
            raise not_found("services", found[2])
        named = dict(zip((port.get("name") for port in service.manifest["spec"]["ports"]), service.ports, strict=True))
        numbered = {str(port.port): port for port in service.ports}
        target = (named | numbered).get(found[3] or str(service.ports[0].port))
        endpoint = self._cluster.dataplane.endpoint(service.name)
        if target is None or endpoint is None:
            raise ApiError(503, f'no endpoints available for service "{request.match_info["name"]}"')
        return await forward(request, endpoint, target.target)

    # ---- network policies --------------------------------------------------------------------------------------------

    async def _create_policy(self, request: web.Request) -> web.Response:
        namespace = request.match_info["namespace"]
        if namespace not in self._cluster.namespaces:
            raise not_found("namespaces", namespace)
        body = await body_of(request)
        try:
            policy = parse(body)
        except Refused as refused:
            raise _invalid(body, refused) from refused
        if body["metadata"].get("namespace", namespace) != namespace:
            raise ApiError(400, "the namespace of the object does not match the namespace of the request")
        if namespace != self._cluster.lab.namespace:
            reason = f"all pods here are in {self._cluster.lab.namespace}"
            raise _invalid(body, Refused("metadata.namespace", reason))
        if self._cluster.store.get("networkpolicies", policy.name):
            details = {"name": policy.name, "group": POLICIES, "kind": "networkpolicies"}
            raise ApiError(409, f'networkpolicies.{POLICIES} "{policy.name}" already exists', details)
        item = objects.network_policy(body, namespace, str(uuid.uuid4()), time.time())
        if not _is_dry_run(request, {}):
            await self._cluster.add_policy(policy, item)
            item = self._cluster.store.get("networkpolicies", policy.name) or item
        return web.json_response(item, status=201)

    async def _delete_policy(self, request: web.Request) -> web.Response:
        options = await _delete_options(request)
        item = find(self._cluster.store, BY_NAME["networkpolicies"], request)
        name, uid = item["metadata"]["name"], item["metadata"]["uid"]
        _check_preconditions(options, uid, f"networkpolicies.{POLICIES}", name)
        if not _is_dry_run(request, options):
            await self._cluster.remove_policy(name)
        return web.json_response(success("networkpolicies", name, uid, POLICIES))


async def _delete_options(request: web.Request) -> Object:
    options = await body_of(request)
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise ApiError(400, "DeleteOptions must be an object")
    return options


def _check_preconditions(options: Object, uid: str, kind: str, name: str) -> None:
    wanted = (options.get("preconditions") or {}).get("uid", uid)
    if wanted != uid:
        message = f"the UID in the precondition ({wanted}) does not match"
        raise ApiError(409, f'Operation cannot be fulfilled on {kind} "{name}": {message}', reason="Conflict")


def _is_dry_run(request: web.Request, options: Object) -> bool:
    asked = [*request.query.getall("dryRun", []), *(options.get("dryRun") or [])]
    if set(asked) - {"All"}:
        raise ApiError(400, "dryRun: only 'All' is known")
    return bool(asked)


def _since(request: web.Request) -> float | None:
    """From when on a log is asked for, in seconds since 1970."""
    seconds, moment = whole_number(request, "sinceSeconds"), request.query.get("sinceTime")
    if seconds is not None and moment is not None:
        raise ApiError(400, "at most one of sinceTime or sinceSeconds may be specified")
    if seconds is not None:
        return time.time() - seconds
    if moment is None:
        return None
    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError as error:
        raise ApiError(400, f"sinceTime: {moment!r} is not a time as RFC 3339 has it") from error


def _invalid(body: Any, refused: Refused) -> ApiError:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    cause = {"reason": "FieldValueInvalid", "message": refused.reason, "field": refused.field}
    details = {"name": name, "group": POLICIES, "kind": "NetworkPolicy", "causes": [cause]}
    return ApiError(422, f'NetworkPolicy.{POLICIES} "{name}" is invalid: {refused}', details)
