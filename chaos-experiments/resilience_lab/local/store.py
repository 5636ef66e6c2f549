"""The API's objects with their versions, and their changes: the cluster's etcd.

Callers replace the content of a kind as a whole. The store compares, and derives what was added, changed or deleted.
"""

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

EVENTS_KEPT = 10_000

Object = dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One change, as a watch reports it: `ADDED`, `MODIFIED` or `DELETED`."""

    version: int
    kind: str
    type: str
    object: Object


class Store:
    """Objects by kind (in the plural, as in paths) and name."""

    def __init__(self) -> None:
        self.version = 1
        self._objects: dict[str, dict[str, Object]] = {}
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._changed = asyncio.Event()

    def list(self, kind: str) -> list[Object]:
        """Sorted by name, as in a cluster."""
        objects = self._objects.get(kind, {})
        return [objects[name] for name in sorted(objects)]

    def get(self, kind: str, name: str) -> Object | None:
        return self._objects.get(kind, {}).get(name)

    def replace(self, kind: str, objects: Iterable[Object]) -> None:
        """Replaces the content of one kind. The objects must have no resourceVersion; they are copied."""
        current = self._objects.setdefault(kind, {})
        wanted = {item["metadata"]["name"]: item for item in objects}
        for name in [name for name in current if name not in wanted]:
            self._record(kind, "DELETED", current.pop(name))
        for name, item in wanted.items():
            if name not in current:
                current[name] = self._record(kind, "ADDED", item)
            elif not _same(current[name], item):
                current[name] = self._record(kind, "MODIFIED", item)

    def _record(self, kind: str, change: str, item: Object) -> Object:
        self.version += 1
        item = copy.deepcopy(item)
        item["metadata"]["resourceVersion"] = str(self.version)
        self._events.append(Event(self.version, kind, change, item))
        self._changed.set()
        self._changed = asyncio.Event()
        return item

    def knows(self, version: int) -> bool:
        """True if all changes after this version are still available."""
        return not self._events or version >= self._events[0].version - 1

    async def follow(self, kind: str, version: int) -> AsyncIterator[Event]:
        """The changes of one kind after a version, without end."""
        while True:
            changed = self._changed
            for event in [event for event in self._events if event.version > version]:
                version = event.version
                if event.kind == kind:
                    yield event
            if changed is self._changed:
                await changed.wait()


def _same(stored: Object, item: Mapping[str, Any]) -> bool:
    version = stored["metadata"]["resourceVersion"]
    return stored == {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
