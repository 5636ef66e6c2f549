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
# Shown with `-o wide` only.
WIDE = ("IP", "Node")
COLUMNS: dict[str, dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "namespaces": {"Status": lambda item: item["status"]["phase"], "Age": _age},
    "pods": {
        "Ready": _ready,
        "Status": _pod_status,
        "Restarts": lambda item: 0,
        "Age": _age,
        "IP": lambda item: item["status"].get("podIP", "<none>"),
        "Node": lambda item: item["spec"]["nodeName"],
    },
    "services": {
        "Type": lambda item: item["spec"]["type"],
        "Cluster-IP": lambda item: item["spec"]["clusterIP"],
        "External-IP": lambda item: "<none>",
        "Port(s)": _ports,
        "Age": _age,
    },
    "deployments": {
        "Ready": _deployment_ready,
        "Up-to-date": lambda item: item["status"]["updatedReplicas"],
        "Available": lambda item: item["status"].get("availableReplicas", 0),
        "Age": _age,
    },
    "configmaps": {"Data": lambda item: len(item["data"]), "Age": _age},
    "networkpolicies": {"Pod-Selector": _pods_of_policy, "Age": _age},
}


def as_table(kind: str, body: dict[str, Any], request: web.Request) -> dict[str, Any]:
    """The body, or a Table if the request prefers that."""
    preferred = request.headers.get("Accept", "").split(",")[0].replace(" ", "").split(";")
    if "as=Table" not in preferred or "v=v1" not in preferred:
        return body
    columns = {"Name": lambda item: item["metadata"]["name"], **COLUMNS[kind]}
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": body["metadata"]["resourceVersion"]},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "", "description": "", "priority": int(name in WIDE)}
            for name in columns
        ],
        "rows": [
            {
                "cells": [cell(item) for cell in columns.values()],
                "object": {**PARTIAL, "metadata": item["metadata"]},
            }
            for item in body.get("items", [body])
        ],
    }
