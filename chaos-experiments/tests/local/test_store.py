import asyncio

import pytest

from resilience_lab.local.store import Store


@pytest.fixture
def store():
    return Store()


def item(name, **more):
    return {"metadata": {"name": name}, **more}


async def next_events(store, count, version, kind="pods"):
    found = []
    async for event in store.follow(kind, version):
        found.append((event.type, event.object["metadata"]["name"]))
        if len(found) == count:
            return found


def test_added_modified_and_deleted_objects_are_reported(store):
    start = store.version
    store.replace("pods", [item("a"), item("b")])
    store.replace("pods", [item("a", phase="Running"), item("c")])
    expected = [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "b"), ("MODIFIED", "a"), ("ADDED", "c")]
    assert asyncio.run(next_events(store, 5, start)) == expected


def test_unchanged_object_keeps_its_version(store):
    store.replace("pods", [item("a")])
    before = store.version
    store.replace("pods", [item("a")])
    assert store.version == before


def test_follower_wakes_up_at_a_change_and_skips_other_kinds(store):
    async def change_while_waiting():
        waiting = asyncio.ensure_future(next_events(store, 1, store.version))
        await asyncio.sleep(0)
        store.replace("services", [item("s")])
        store.replace("pods", [item("a")])
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(change_while_waiting()) == [("ADDED", "a")]


def test_objects_are_listed_by_name(store):
    store.replace("pods", [item("b"), item("a")])
    assert [each["metadata"]["name"] for each in store.list("pods")] == ["a", "b"]
