"""Changes to a Deployment or a ConfigMap that can be undone, even after a run was killed.

The same request writes the change and, in an annotation, the original values. The rollback of any later run undoes it.
"""

import json

from . import cluster

ORIGINAL = "resilience-lab/original"


def make(path: str, field: str, values: dict) -> None:
    """Sets `values` in a field of the object (`spec`, `data`). Keeps the original values of an earlier change."""
    found = cluster.read(path)
    kept = _annotations(found).get(ORIGINAL) or json.dumps({name: found[field].get(name) for name in values})
    cluster.patch(path, {"metadata": {"annotations": {ORIGINAL: kept}}, field: values})


def undo(path: str, field: str) -> bool:
    """Restores what `make` has replaced. True if there was anything to undo."""
    kept = _annotations(cluster.read(path)).get(ORIGINAL)
    if kept is None:
        return False
    cluster.patch(path, {"metadata": {"annotations": {ORIGINAL: None}}, field: json.loads(kept)})
    return True


def _annotations(found: dict) -> dict:
    return found["metadata"].get("annotations") or {}
