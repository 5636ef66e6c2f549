"""The resources of the API: discovery, lists, single objects, watches."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .network import API_PORT, NODE_IP
from .selectors import SelectorError, field_matches, from_text
from .status import ApiError, flag, not_found, whole_number
from .store import Event, Object, Store
from .table import as_table


@dataclass(frozen=True)
class Resource:
    """One kind of object; `name` is the plural, as in paths."""

    name: str
    kind: str
    short: str
    group: str = ""
    namespaced: bool = True
    verbs: tuple[str, ...] = ("get", "list", "watch")
    fields: tuple[str, ...] = ("metadata.name", "metadata.namespace")

    @property
    def group_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def prefix(self) -> str:
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"


RESOURCES = (
    Resource("namespaces", "Namespace", "ns", namespaced=False, fields=("metadata.name", "status.phase")),
    Resource(
        "pods",
        "Pod",
        "po",
        verbs=("delete", "get", "list", "watch"),
        fields=("metadata.name", "metadata.namespace", "status.phase", "status.podIP", "spec.nodeName"),
    ),
    Resource("services", "Service", "svc"),
    Resource("configmaps", "ConfigMap", "cm", verbs=("get", "list", "patch", "watch")),
    Resource("deployments", "Deployment", "deploy", group="apps", verbs=("get", "list", "patch", "watch")),
    Resource(
        "networkpolicies",
        "NetworkPolicy",
        "netpol",
        group="networking.k8s.io",
        verbs=("create", "delete", "get", "list", "watch"),
    ),
)
BY_NAME = {resource.name: resource for resource in RESOURCES}
PROXY_VERBS = ["create", "delete", "get", "patch", "update"]
GROUPS = tuple(dict.fromkeys(resource.group for resource in RESOURCES if resource.group))
VERSION = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+resilience-lab-local",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux",
}


def discovery() -> dict[str, dict[str, Any]]:
    """The discovery documents, by path."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": f"{NODE_IP}:{API_PORT}"}]
    documents: dict[str, dict[str, Any]] = {
        "/version": VERSION,
        "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in GROUPS]},
        "/api/v1": _resource_list(""),
    }
    for group in GROUPS:
        documents[f"/apis/{group}"] = {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}
        documents[f"/apis/{group}/v1"] = _resource_list(group)
    return documents


def _group(group: str) -> dict[str, Any]:
    version = {"groupVersion": f"{group}/v1", "version": "v1"}
    return {"name": group, "versions": [version], "preferredVersion": version}


def _resource_list(group: str) -> dict[str, Any]:
    listed = [
        {
            "name": each.name,
            "singularName": each.kind.lower(),
            "namespaced": each.namespaced,
            "kind": each.kind,
            "verbs": list(each.verbs),
            "shortNames": [each.short],
            **({"categories": ["all"]} if each.name in ("pods", "services", "deployments") else {}),
        }
        for each in RESOURCES
        if each.group == group
    ]
    if not group:
        listed += [
            {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
            for name, kind, verbs in (("pods/log", "Pod", ["get"]), ("pods/proxy", "PodProxyOptions", PROXY_VERBS))
        ]
    version = f"{group}/v1" if group else "v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


class Filter:
    """The selectors of a request for one kind."""

    def __init__(self, resource: Resource, request: web.Request) -> None:
        self._fields = request.query.get("fieldSelector", "")
        self._known = resource.fields
        self._namespace = request.match_info.get("namespace")
        try:
            self._labels = from_text(request.query.get("labelSelector", ""))
            field_matches(self._fields, {}, self._known)
        except SelectorError as error:
            raise ApiError(400, str(error)) from error

    def selects(self, item: Object) -> bool:
        metadata = item["metadata"]
        return (
            (self._namespace is None or metadata.get("namespace") == self._namespace)
            and self._labels.matches(metadata.get("labels") or {})
            and field_matches(self._fields, item, self._known)
        )


async def answer_list(store: Store, resource: Resource, request: web.Request) -> web.StreamResponse:
    chosen = Filter(resource, request)
    if flag(request, "watch"):
        return await _watch(store, resource, chosen, request)
    items = [item for item in store.list(resource.name) if chosen.selects(item)]
    body = {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.group_version,
        "metadata": {"resourceVersion": str(store.version)},
        "items": items,
    }
    return web.json_response(as_table(resource.name, body, request))


def answer_item(store: Store, resource: Resource, request: web.Request) -> web.Response:
    return web.json_response(as_table(resource.name, find(store, resource, request), request))


def find(store: Store, resource: Resource, request: web.Request) -> Object:
    """The object that the path names; raises a 404."""
    name = request.match_info["name"]
    item = store.get(resource.name, name)
    if item is None or item["metadata"].get("namespace") != request.match_info.get("namespace"):
        raise not_found(resource.name, name, resource.group)
    return item


async def _watch(store: Store, resource: Resource, chosen: Filter, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    version = whole_number(request, "resourceVersion") or 0
    timeout = whole_number(request, "timeoutSeconds")
    if version and not store.knows(version):
        raise ApiError(410, f"too old resource version: {version}")
    await response.prepare(request)

    async def send(change: str, item: Object) -> None:
        shown = as_table(resource.name, item, request)
        await response.write(json.dumps({"type": change, "object": shown}).encode() + b"\n")

    async def follow() -> None:
        start = version or store.version
        if not version:
            for item in filter(chosen.selects, store.list(resource.name)):
                await send("ADDED", item)
        event: Event
        async for event in store.follow(resource.name, start):
            if chosen.selects(event.object):
                await send(event.type, event.object)

    with contextlib.suppress(TimeoutError, ConnectionError):
        await asyncio.wait_for(follow(), timeout)
    return response
