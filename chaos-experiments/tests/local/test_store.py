import asyncio
import unittest

from resilience_lab.local.store import Store


def item(name, **more):
    return {"metadata": {"name": name}, **more}


class Changes(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.store = Store()

    async def next_events(self, count, version, kind="pods"):
        found = []
        async for event in self.store.follow(kind, version):
            found.append((event.type, event.object["metadata"]["name"]))
            if len(found) == count:
                return found

    async def test_new_changed_and_gone_objects_are_told(self):
        start = self.store.version
        self.store.replace("pods", [item("a"), item("b")])
        self.store.replace("pods", [item("a", phase="Running"), item("c")])
        self.assertEqual(
            await self.next_events(5, start),
            [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "b"), ("MODIFIED", "a"), ("ADDED", "c")],
        )

    async def test_unchanged_object_keeps_its_version(self):
        self.store.replace("pods", [item("a")])
        before = self.store.version
        self.store.replace("pods", [item("a")])
        self.assertEqual(self.store.version, before)

    async def test_follower_wakes_up_at_a_change_and_skips_other_kinds(self):
        waiting = asyncio.ensure_future(self.next_events(1, self.store.version))
        await asyncio.sleep(0)
        self.store.replace("services", [item("s")])
        self.store.replace("pods", [item("a")])
        self.assertEqual(await asyncio.wait_for(waiting, 5), [("ADDED", "a")])

    async def test_objects_are_listed_by_name(self):
        self.store.replace("pods", [item("b"), item("a")])
        self.assertEqual([each["metadata"]["name"] for each in self.store.list("pods")], ["a", "b"])
