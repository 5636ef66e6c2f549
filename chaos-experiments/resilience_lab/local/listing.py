"""Fills the store with the objects that clients of the API see."""

import time
from collections.abc import Iterable, Mapping, Sequence

from . import objects
from .lab import Deployment, Lab
from .policy import Policy
from .store import Object, Store
from .wanted import Wanted


class Listing:
    """The objects of the cluster, in `store`."""

    def __init__(
        self,
        store: Store,
        lab: Lab,
        wanted: Wanted,
        service_ips: Mapping[str, str],
        namespaces: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._store = store
        self._lab = lab
        self._wanted = wanted
        self._service_ips = service_ips
        self._namespaces = namespaces
        self._created = time.time()

    def fill(self, pods: Sequence[objects.PodState], policies: Mapping[str, tuple[Policy, Object]]) -> None:
        """Replaces all objects in the store."""
        namespace, created, wanted = self._lab.namespace, self._created, self._wanted
        fill = self._store.replace
        fill("namespaces", [objects.namespace(name, labels, created) for name, labels in self._namespaces.items()])
        fill("pods", [objects.pod(state, namespace) for state in pods])
        deployments = [
            objects.deployment(each, wanted.replicas[each.name], active(each, pods), namespace, created)
            for each in self._lab.deployments
        ]
        fill("deployments", [wanted.annotated("deployments", item) for item in deployments])
        maps = [objects.config_map(name, data, namespace, created) for name, data in wanted.config_maps.items()]
        fill("configmaps", [wanted.annotated("configmaps", item) for item in maps])
        services = [(each, self._service_ips.get(each.name, "None")) for each in self._lab.services]
        fill("services", [objects.service(each, ip, namespace, created) for each, ip in services])
        fill("networkpolicies", [item for _, item in policies.values()])


def active(deployment: Deployment, states: Iterable[objects.PodState]) -> list[objects.PodState]:
    """The states of this Deployment's pods, without those that are being deleted."""
    return [state for state in states if state.deployment is deployment and state.deletion is None]
