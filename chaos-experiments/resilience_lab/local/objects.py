"""Makes the Kubernetes objects of the API from the cluster's state. Pure."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .lab import Deployment, Lab, Service
from .logs import timestamp
from .network import NODE_IP

NODE_NAME = "lab0"
DNS_NAMESPACE = "kube-system"
DNS_LABELS = {"k8s-app": "kube-dns"}


@dataclass
class PodState:
    """The state of a pod. Times are seconds since 1970."""

    name: str
    deployment: Deployment
    created: float
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    ip: str | None = None
    started: float | None = None
    ready: bool = False
    ready_changed: float | None = None
    # After a deletion: the deadline of its end, and the grace period.
    deletion: tuple[float, int] | None = None

    @property
    def labels(self) -> dict[str, str]:
        return {**self.deployment.labels, "pod-template-hash": self.deployment.template_hash}


def stable_uid(*words: str) -> str:
    """The same UID for the same words."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(words)))


def pod(state: PodState, namespace: str) -> dict[str, Any]:
    deployment = state.deployment
    replica_set = f"{deployment.name}-{deployment.template_hash}"
    metadata: dict[str, Any] = {
        "name": state.name,
        "generateName": f"{replica_set}-",
        "namespace": namespace,
        "uid": state.uid,
        "creationTimestamp": timestamp(state.created),
        "labels": state.labels,
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": replica_set,
                "uid": stable_uid("replicasets", replica_set),
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if state.deletion:
        metadata["deletionTimestamp"] = timestamp(state.deletion[0])
        metadata["deletionGracePeriodSeconds"] = state.deletion[1]
    spec = {**deployment.manifest["spec"]["template"]["spec"], "nodeName": NODE_NAME, "restartPolicy": "Always"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": _pod_status(state)}


def _pod_status(state: PodState) -> dict[str, Any]:
    running = state.started is not None
    container = state.deployment.manifest["spec"]["template"]["spec"]["containers"][0]
    changed = timestamp(state.ready_changed or state.created)
    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{container['name']}]"}
    conditions = [
        {"type": name, "status": "True", "lastTransitionTime": timestamp(state.created)}
        for name in ("PodScheduled", "Initialized")
    ] + [
        {"type": name, "status": str(state.ready), "lastTransitionTime": changed, **({} if state.ready else unready)}
        for name in ("ContainersReady", "Ready")
    ]
    status: dict[str, Any] = {
        "phase": "Running" if running else "Pending",
        "conditions": conditions,
        "hostIP": NODE_IP,
        "startTime": timestamp(state.created),
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": state.ready,
                "started": running,
                "restartCount": 0,
                "state": {"running": {"startedAt": timestamp(state.started)}}
                if state.started is not None
                else {"waiting": {"reason": "ContainerCreating"}},
            }
        ],
    }
    if state.ip:
        status |= {"podIP": state.ip, "podIPs": [{"ip": state.ip}]}
    return status


def deployment(
    item: Deployment, replicas: int, pods: Sequence[PodState], namespace: str, created: float
) -> dict[str, Any]:
    """`pods` are its pods that are not deleted; it wants `replicas` of them."""
    ready = sum(each.ready for each in pods)
    changed = max([created, *(each.ready_changed or each.created for each in pods)])
    available = ready >= replicas
    condition = {
        "type": "Available",
        "status": str(available),
        "reason": "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if available else 'does not have'} minimum availability.",
        "lastUpdateTime": timestamp(changed),
        "lastTransitionTime": timestamp(changed),
    }
    status = {
        "observedGeneration": 1,
        "replicas": len(pods),
        "updatedReplicas": len(pods),
        "conditions": [condition],
        # A cluster leaves out zeros.
        **({"readyReplicas": ready, "availableReplicas": ready} if ready else {}),
        **({"unavailableReplicas": replicas - ready} if ready < replicas else {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(item.manifest, "deployments", namespace, created) | {"generation": 1},
        "spec": {**item.manifest["spec"], "replicas": replicas},
        "status": status,
    }


def config_map(name: str, data: Mapping[str, str], namespace: str, created: float) -> dict[str, Any]:
    metadata = _metadata({"metadata": {"name": name}}, "configmaps", namespace, created)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def service(item: Service, ip: str, namespace: str, created: float) -> dict[str, Any]:
    spec = item.manifest["spec"]
    ports = [{"protocol": "TCP", **port} for port in spec["ports"]]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(item.manifest, "services", namespace, created),
        "spec": {"type": "ClusterIP", **spec, "ports": ports, "clusterIP": ip, "clusterIPs": [ip]},
        "status": {"loadBalancer": {}},
    }


def _metadata(manifest: Mapping[str, Any], kind: str, namespace: str, created: float) -> dict[str, Any]:
    metadata = dict(manifest["metadata"])
    return metadata | {
        "namespace": namespace,
        "uid": stable_uid(kind, metadata["name"]),
        "creationTimestamp": timestamp(created),
    }


def namespace_labels(lab: Lab) -> dict[str, dict[str, str]]:
    """The labels of all namespaces, by name."""
    own = {lab.namespace: lab.namespace_labels, "default": {}, DNS_NAMESPACE: {}}
    return {name: {**labels, "kubernetes.io/metadata.name": name} for name, labels in own.items()}


def namespace(name: str, labels: Mapping[str, str], created: float) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": stable_uid("namespaces", name),
            "creationTimestamp": timestamp(created),
            "labels": dict(labels),
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def network_policy(body: Mapping[str, Any], namespace: str, uid: str, created: float) -> dict[str, Any]:
    metadata = {key: value for key, value in body["metadata"].items() if key in ("name", "labels", "annotations")}
    spec = dict(body["spec"])
    spec.setdefault("policyTypes", ["Ingress"] + (["Egress"] if spec.get("egress") else []))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata
        | {"namespace": namespace, "uid": uid, "creationTimestamp": timestamp(created), "generation": 1},
        "spec": spec,
    }
