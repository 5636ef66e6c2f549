"""Calls to the Kubernetes API: pods, logs, objects, and the backend's endpoints.

The backend is not exposed: its endpoints are called through the API server's proxy for pods
(https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/).
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import urllib3
from chaosk8s import create_k8s_api_client
from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.rest import ApiException

NAMESPACE = "lab3-resilience"
BACKEND, CLIENT = "backend-service", "client-service"
BACKEND_PORT = 5000

# Seconds for one request. Without a limit, a lost cluster would block an experiment forever.
TIMEOUT = 10


@contextlib.contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Turns an error of the API into an ActivityFailed."""
    try:
        yield
    except (ApiException, urllib3.exceptions.HTTPError) as error:
        raise ActivityFailed(f"{what}: {error}") from error


def core() -> client.CoreV1Api:
    return client.CoreV1Api(create_k8s_api_client())


def pods(app: str) -> list[client.V1Pod]:
    """The pods of a Deployment that are not terminating, ready or not."""
    with failing_as(f"cannot list the pods of {app} in {NAMESPACE}"):
        found = core().list_namespaced_pod(NAMESPACE, label_selector=f"app={app}", _request_timeout=TIMEOUT)
    return [pod for pod in found.items if pod.metadata.deletion_timestamp is None]


def is_ready(pod: client.V1Pod) -> bool:
    conditions = pod.status.conditions or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)


def names(found: list[client.V1Pod]) -> list[str]:
    return sorted(pod.metadata.name for pod in found)


def replicas(app: str) -> int:
    """The number of pods that the Deployment wants."""
    return read(deployment(app))["spec"]["replicas"]


def deployment(app: str) -> str:
    """The Deployment's path in the API."""
    return f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{app}"


def config_map(app: str) -> str:
    """The path of the ConfigMap with the variables of the Deployment's pods."""
    container = read(deployment(app))["spec"]["template"]["spec"]["containers"][0]
    names = [source["configMapRef"]["name"] for source in container.get("envFrom", []) if "configMapRef" in source]
    if len(names) != 1:
        raise ActivityFailed(
            f"{app} takes its variables from {len(names)} ConfigMaps, not from one as deploy/base has it"
        )
    return f"/api/v1/namespaces/{NAMESPACE}/configmaps/{names[0]}"


def read(path: str) -> dict:
    return answer("GET", path)


def patch(path: str, change: dict) -> dict:
    """A JSON merge patch: None removes."""
    return answer("PATCH", path, change, "application/merge-patch+json")


def log_lines(app: str, since: float) -> list[str]:
    """The lines that all pods of a Deployment logged in the last `since` whole seconds, with the API's time stamps."""
    lines: list[str] = []
    for name in names(pods(app)):
        with failing_as(f"cannot read the log of {name}"):
            text = core().read_namespaced_pod_log(
                name, NAMESPACE, since_seconds=max(1, int(since)), timestamps=True, _request_timeout=TIMEOUT
            )
        lines += text.splitlines()
    return sorted(lines)


def ask_backend(pod: str, method: str, path: str, body: Any = None) -> Any:
    """Sends a request to one backend pod. Returns its JSON answer; ActivityFailed if the status is not 2xx."""
    try:
        return answer(method, f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{BACKEND_PORT}/proxy{path}", body)
    except ActivityFailed as error:
        if "status 401" in str(error) and "admin token" in str(error):
            raise ActivityFailed(
                f"{pod} requires its ADMIN_TOKEN, and the API server's proxy does not forward it: "
                "the experiments need a backend without an ADMIN_TOKEN"
            ) from error
        raise


def answer(method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
    """Sends a request to the API. Returns its JSON answer; ActivityFailed if the status is not 2xx."""
    api = create_k8s_api_client()
    # The client's own methods for the proxy accept no body.
    request = api.param_serialize(
        method=method,
        resource_path=path,
        header_params={"Accept": "application/json", "Content-Type": content_type},
        body=body,
        auth_settings=["BearerToken"],
    )
    with failing_as(f"{method} {path}"):
        response = api.call_api(*request, _request_timeout=TIMEOUT)
        text = response.read().decode()
    if not 200 <= response.status < 300:
        raise ActivityFailed(f"{method} {path}: status {response.status}: {text.strip()}")
    return json.loads(text)
