"""Tables for `kubectl get`, whose columns come from the server."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiohttp import web


def _age(item: Mapping[str, Any]) -> str:
    created = datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp()
    seconds = max(0, int(time.time() - created))
    if seconds < 120:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"


def _pod_status(pod: Mapping[str, Any]) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    waiting = pod["status"]["containerStatuses"][0]["state"].get("waiting")
    return str(waiting["reason"] if waiting else pod["status"]["phase"])


def _ready(pod: Mapping[str, Any]) -> str:
    containers = pod["status"]["containerStatuses"]
    return f"{sum(each['ready'] for each in containers)}/{len(containers)}"


def _ports(service: Mapping[str, Any]) -> str:
    return ",".join(
        f"{port['port']}{':' + str(port['nodePort']) if 'nodePort' in port else ''}/{port['protocol']}"
        for port in service["spec"]["ports"]
    )


def _deployment_ready(item: Mapping[str, Any]) -> str:
    return f"{item['status'].get('readyReplicas', 0)}/{item['spec']['replicas']}"


def _pods_of_policy(item: Mapping[str, Any]) -> str:
    labels = item["spec"].get("podSelector", {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "<none>"


PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
Cell = Callable[[Mapping[str, Any]], Any]
# Name, type, priority (1: with `-o wide` only), value.
COLUMNS: dict[str, list[tuple[str, str, int, Cell]]] = {
    "namespaces": [("Status", "string", 0, lambda item: item["status"]["phase"]), ("Age", "string", 0, _age)],
    "pods": [
        ("Ready", "string", 0, _ready),
        ("Status", "string", 0, _pod_status),
        ("Restarts", "integer", 0, lambda item: 0),
        ("Age", "string", 0, _age),
        ("IP", "string", 1, lambda item: item["status"].get("podIP", "<none>")),
        ("Node", "string", 1, lambda item: item["spec"]["nodeName"]),
    ],
    "services": [
        ("Type", "string", 0, lambda item: item["spec"]["type"]),
        ("Cluster-IP", "string", 0, lambda item: item["spec"]["clusterIP"]),
        ("External-IP", "string", 0, lambda item: "<none>"),
        ("Port(s)", "string", 0, _ports),
        ("Age", "string", 0, _age),
    ],
    "deployments": [
        ("Ready", "string", 0, _deployment_ready),
        ("Up-to-date", "integer", 0, lambda item: item["status"]["updatedReplicas"]),
        ("Available", "integer", 0, lambda item: item["status"].get("availableReplicas", 0)),
        ("Age", "string", 0, _age),
    ],
    "configmaps": [("Data", "integer", 0, lambda item: len(item["data"])), ("Age", "string", 0, _age)],
    "networkpolicies": [("Pod-Selector", "string", 0, _pods_of_policy), ("Age", "string", 0, _age)],
}


def as_table(kind: str, body: dict[str, Any], request: web.Request) -> dict[str, Any]:
    """The body, or a Table if the request prefers that."""
    preferred = request.headers.get("Accept", "").split(",")[0].replace(" ", "").split(";")
    if "as=Table" not in preferred or "v=v1" not in preferred:
        return body
    items = body.get("items", [body])
    columns = COLUMNS[kind]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
        "columnDefinitions": [
            {"name": name, "type": type, "format": "", "description": "", "priority": priority}
            for name, type, priority in [("Name", "string", 0), *(column[:3] for column in columns)]
        ],
        "rows": [
            {
                "cells": [item["metadata"]["name"], *(column[3](item) for column in columns)],
                "object": {**PARTIAL, "metadata": item["metadata"]},
            }
            for item in items
        ],
    }
