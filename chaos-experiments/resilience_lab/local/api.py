"""The routes of the Kubernetes API that this cluster has: plain HTTP on the node's address."""

import time
import uuid
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
DELETE_OPTIONS = {"apiVersion", "kind", "gracePeriodSeconds", "propagationPolicy", "orphanDependents"}


async def serve(cluster: Cluster) -> None:
    """Starts to answer, until the process ends."""
    runner = web.AppRunner(Api(cluster).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, NODE_IP, API_PORT).start()


class Api:
    """The routes, and what they do to the cluster."""

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
        pod = "/api/v1/namespaces/{namespace}/pods/{name}"
        policies = f"/apis/{POLICIES}/v1/namespaces/{{namespace}}/networkpolicies"
        app.router.add_delete(pod, self._delete_pod)
        app.router.add_get(f"{pod}/log", self._log)
        app.router.add_route("*", f"{pod}/proxy{{path:(/.*)?}}", self._proxy)
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
            raise ApiError(415, f"only application/merge-patch+json is supported here, not {request.content_type}")
        _refuse_dry_run(request)
        item = find(self._cluster.store, BY_NAME[kind], request)
        new = patched(kind, item, await body_of(request))
        self._cluster.change(kind, new)
        return web.json_response(self._cluster.store.get(kind, new["metadata"]["name"]))

    def _pod(self, request: web.Request, name: str) -> Pod:
        pod = self._cluster.pods.get(name)
        if pod is None or request.match_info["namespace"] != self._cluster.lab.namespace:
            raise not_found("pods", name)
        return pod

    # ---- pods --------------------------------------------------------------------------------------------------------

    async def _delete_pod(self, request: web.Request) -> web.Response:
        options = await _delete_options(request)
        pod = self._pod(request, request.match_info["name"])
        grace = options.get("gracePeriodSeconds", whole_number(request, "gracePeriodSeconds"))
        if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool) or grace < 0):
            raise ApiError(422, f"gracePeriodSeconds: {grace!r} is not a whole number from 0")
        item = find(self._cluster.store, BY_NAME["pods"], request)
        self._cluster.delete_pod(pod, grace)
        return web.json_response(self._cluster.store.get("pods", pod.state.name) or item)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request, request.match_info["name"])
        container = pod.state.deployment.container
        if request.query.get("container") not in (None, "", container):
            raise ApiError(400, f"container {request.query['container']} is not valid for pod {pod.state.name}")
        if flag(request, "previous"):
            raise ApiError(400, f'previous terminated container "{container}" in pod "{pod.state.name}" not found')
        if pod.state.started is None:
            message = f'container "{container}" in pod "{pod.state.name}" is waiting to start: ContainerCreating'
            raise ApiError(400, message)
        if unsupported := {"sinceTime", "limitBytes"} & request.query.keys():
            raise ApiError(400, f"{unsupported.pop()} is not supported here")
        timestamps, seconds = flag(request, "timestamps"), whole_number(request, "sinceSeconds")
        since = None if seconds is None else time.time() - seconds
        lines, count = pod.log.lines(since, whole_number(request, "tailLines")), pod.log.count
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"".join(line.shown(timestamps) for line in lines))
        if flag(request, "follow"):
            async for line in pod.log.follow(count):
                await response.write(line.shown(timestamps))
        await response.write_eof()
        return response

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        name, _, port = request.match_info["name"].partition(":")
        pod = self._pod(request, name)
        if pod.state.started is None or pod.state.ip is None:
            raise ApiError(503, f"pod {name} is not running")
        port = port or str(pod.state.deployment.port)
        if not port.isdigit():
            raise ApiError(400, f"invalid pod request {request.match_info['name']!r}: expected NAME:PORT")
        return await forward(request, pod.state.ip, int(port))

    # ---- network policies --------------------------------------------------------------------------------------------

    async def _create_policy(self, request: web.Request) -> web.Response:
        _refuse_dry_run(request)
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
        await self._cluster.add_policy(policy, item)
        return web.json_response(self._cluster.store.get("networkpolicies", policy.name) or item, status=201)

    async def _delete_policy(self, request: web.Request) -> web.Response:
        await _delete_options(request)
        metadata = find(self._cluster.store, BY_NAME["networkpolicies"], request)["metadata"]
        await self._cluster.remove_policy(metadata["name"])
        return web.json_response(success("networkpolicies", metadata["name"], metadata["uid"], POLICIES))


async def _delete_options(request: web.Request) -> Object:
    _refuse_dry_run(request)
    options = await body_of(request) or {}
    if not isinstance(options, dict):
        raise ApiError(400, "DeleteOptions must be an object")
    if unsupported := sorted(set(options) - DELETE_OPTIONS):
        raise ApiError(400, f"DeleteOptions.{unsupported[0]} is not supported here")
    return options


def _refuse_dry_run(request: web.Request) -> None:
    if "dryRun" in request.query:
        raise ApiError(400, "dryRun is not supported here")


def _invalid(body: Any, refused: Refused) -> ApiError:
    metadata = body.get("metadata") if isinstance(body, dict) else None
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    cause = {"reason": "FieldValueInvalid", "message": refused.reason, "field": refused.field}
    details = {"name": name, "group": POLICIES, "kind": "NetworkPolicy", "causes": [cause]}
    return ApiError(422, f'NetworkPolicy.{POLICIES} "{name}" is invalid: {refused}', details)
