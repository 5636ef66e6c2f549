import unittest

from resilience_lab.local.changes import patched
from resilience_lab.local.status import ApiError

DEPLOYMENT = {"metadata": {"name": "a"}, "spec": {"replicas": 2, "selector": {"x": "y"}}}
CONFIG_MAP = {"metadata": {"name": "b", "annotations": {"kept": "1"}}, "data": {"A": "1", "B": "2"}}


class Patches(unittest.TestCase):
    def test_replicas_and_annotations_of_a_deployment(self):
        new = patched("deployments", DEPLOYMENT, {"metadata": {"annotations": {"k": "v"}}, "spec": {"replicas": 0}})
        self.assertEqual(new["spec"], {"replicas": 0, "selector": {"x": "y"}})
        self.assertEqual(new["metadata"], {"name": "a", "annotations": {"k": "v"}})
        self.assertEqual(DEPLOYMENT["spec"]["replicas"], 2)

    def test_null_removes(self):
        new = patched("configmaps", CONFIG_MAP, {"metadata": {"annotations": {"kept": None}}, "data": {"A": None}})
        self.assertEqual((new["metadata"]["annotations"], new["data"]), ({}, {"B": "2"}))

    def test_nothing_else_can_be_changed(self):
        for kind, item, patch in (
            ("deployments", DEPLOYMENT, {"spec": {"selector": {"x": "z"}}}),
            ("deployments", DEPLOYMENT, {"spec": {"replicas": -1}}),
            ("deployments", DEPLOYMENT, {"spec": {"replicas": None}}),
            ("deployments", DEPLOYMENT, {"spec": {"replicas": True}}),
            ("deployments", DEPLOYMENT, {"metadata": {"annotations": {"k": 1}}}),
            ("deployments", DEPLOYMENT, []),
            ("configmaps", CONFIG_MAP, {"data": {"A": 1}}),
            ("configmaps", CONFIG_MAP, {"metadata": {"name": "c"}}),
        ):
            with self.subTest(patch), self.assertRaises(ApiError):
                patched(kind, item, patch)
