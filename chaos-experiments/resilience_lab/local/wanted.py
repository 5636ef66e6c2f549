"""What the Deployments and ConfigMaps say, which can change at run time. A changed ConfigMap affects only new pods."""

from collections.abc import Mapping

from .lab import Lab
from .objects import PodState
from .store import Object


class Wanted:
    """The manifests, with `settings` added: variables by Deployment. Annotations are by kind and name."""

    def __init__(self, lab: Lab, settings: Mapping[str, Mapping[str, str]]) -> None:
        self.replicas = {deployment.name: deployment.replicas for deployment in lab.deployments}
        self.config_maps = {name: dict(data) for name, data in lab.config_maps.items()}
        self._annotations: dict[tuple[str, str], dict[str, str]] = {}
        self._variables = {deployment.name: dict(deployment.variables) for deployment in lab.deployments}
        self._set(lab, settings)

    def _set(self, lab: Lab, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Sets each variable where the manifests have it: in the container, or in the ConfigMap."""
        for deployment in lab.deployments:
            own = self._variables[deployment.name]
            for name, value in settings.get(deployment.name, {}).items():
                where = self.config_maps[deployment.config_maps[-1]] if deployment.config_maps else own
                (own if name in own else where)[name] = value

    def change(self, kind: str, item: Object) -> None:
        """Applies an object that `changes.patched` has returned."""
        name = item["metadata"]["name"]
        self._annotations[kind, name] = item["metadata"].get("annotations", {})
        if kind == "deployments":
            self.replicas[name] = item["spec"]["replicas"]
        else:
            self.config_maps[name] = item["data"]

    def environment(self, state: PodState) -> dict[str, str]:
        """The variables of a pod that starts now."""
        deployment = state.deployment
        environment: dict[str, str] = {}
        for name in deployment.config_maps:
            environment |= self.config_maps[name]
        own = {"HOSTNAME": state.name, "HOST": "0.0.0.0", "PORT": str(deployment.port)}
        return environment | self._variables[deployment.name] | own

    def annotated(self, kind: str, item: Object) -> Object:
        """The object, with its annotations."""
        annotations = self._annotations.get((kind, item["metadata"]["name"]))
        return item if annotations is None else item | {"metadata": {**item["metadata"], "annotations": annotations}}
