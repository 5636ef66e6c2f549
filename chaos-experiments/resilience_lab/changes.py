"""Changes to a Deployment or a ConfigMap that can be undone, whatever ends the experiment.

What was there before is kept in an annotation of the changed object, written by the same request. So there is no moment
at which the one is there without the other, and what a killed run has left, the rollback of any later run undoes.
"""

import json

from . import cluster

ORIGINAL = "resilience-lab/original"


def make(path: str, field: str, values: dict) -> None:
    """Sets `values` in a field of the object (`spec`, `data`). What an earlier change has kept stays kept."""
    found = cluster.read(path)
    kept = _annotations(found).get(ORIGINAL) or json.dumps({name: found[field].get(name) for name in values})
    cluster.patch(path, {"metadata": {"annotations": {ORIGINAL: kept}}, field: values})


def undo(path: str, field: str) -> bool:
    """Gives back what `make` has replaced; says whether there was anything to undo."""
    kept = _annotations(cluster.read(path)).get(ORIGINAL)
    if kept is None:
        return False
    cluster.patch(path, {"metadata": {"annotations": {ORIGINAL: None}}, field: json.loads(kept)})
    return True


def _annotations(found: dict) -> dict:
    return found["metadata"].get("annotations") or {}
