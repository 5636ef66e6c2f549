import shutil
import tempfile
import unittest
from pathlib import Path

from resilience_lab.local.config_maps import env_file
from resilience_lab.local.manifests import ManifestError, read
from resilience_lab.local.options import DEFAULT_MANIFESTS


class TheBase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = read(DEFAULT_MANIFESTS)
        cls.deployments = {each.name: each for each in cls.lab.deployments}
        cls.services = {each.name: each for each in cls.lab.services}

    def test_it_has_both_apps(self):
        self.assertEqual(self.lab.namespace, "lab3-resilience")
        backend, client = self.deployments["backend-service"], self.deployments["client-service"]
        self.assertEqual((backend.replicas, backend.binary, backend.port), (2, "backend-service", 5000))
        self.assertEqual((client.replicas, client.binary, client.port), (1, "client-service", 8000))

    def test_variables_come_from_the_manifest_and_from_the_settings(self):
        client = self.deployments["client-service"]
        self.assertEqual(client.variables["MAX_CALLS"], "2000")
        (name,) = client.config_maps
        self.assertEqual(self.lab.config_maps[name]["BACKEND_URL"], "http://backend-service:5000")

    def test_probes_and_end_are_the_manifests(self):
        backend = self.deployments["backend-service"]
        startup, readiness = backend.startup, backend.readiness
        self.assertEqual((startup.path, startup.port, startup.period), ("/health", 5000, 1))
        self.assertEqual((readiness.path, readiness.port, readiness.period), ("/ready", 5000, 5))
        self.assertEqual((backend.grace_period, backend.pre_stop_sleep), (45, 5))

    def test_services_know_their_target_by_number(self):
        backend, client = self.services["backend-service"].ports[0], self.services["client-service"].ports[0]
        self.assertEqual((backend.port, backend.target, backend.node_port), (5000, 5000, None))
        self.assertEqual((client.port, client.target, client.node_port), (8000, 8000, 30080))


class OtherManifests(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for path in DEFAULT_MANIFESTS.iterdir():
            shutil.copy(path, self.folder)

    def change(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1))

    def refused(self, words):
        with self.assertRaisesRegex(ManifestError, words):
            read(self.folder)

    def test_changed_setting_makes_another_pod_template(self):
        before = read(self.folder).deployments[0].template_hash
        self.change("backend.env", "FAILURE_RATE=0.3", "FAILURE_RATE=0.4")
        self.assertNotEqual(read(self.folder).deployments[0].template_hash, before)

    def test_missing_folder(self):
        with self.assertRaisesRegex(ManifestError, "cannot read"):
            read(self.folder / "missing")

    def test_unknown_key_of_the_kustomization(self):
        self.change("kustomization.yaml", "patches:", "images: []\npatches:")
        self.refused("'images' is not supported")

    def test_patch_that_would_change_something(self):
        self.change("kustomization.yaml", "/configMapRef/optional", "/configMapRef/name")
        self.refused("patches are not supported")

    def test_unknown_kind(self):
        self.change("backend-deployment.yaml", "kind: PodDisruptionBudget", "kind: CronJob")
        self.refused("CronJob is not supported")

    def test_variable_from_elsewhere(self):
        self.change("client-deployment.yaml", 'value: "2000"', "valueFrom: {fieldRef: {fieldPath: status.podIP}}")
        self.refused("MAX_CALLS must have a plain value")

    def test_second_container(self):
        containers = "      containers:"
        self.change("client-deployment.yaml", containers, f"      initContainers: [{{name: x}}]\n{containers}")
        self.refused("one container")

    def test_line_that_is_no_setting(self):
        (self.folder / "client.env").write_text("BREAKER_FAIL_MAX\n")
        self.refused("line 1 is not NAME=VALUE")


class EnvFiles(unittest.TestCase):
    def test_comments_and_empty_lines_are_skipped_and_values_kept_as_they_are(self):
        self.assertEqual(env_file("# a\n\nA=1\nB=x=y # z\nC=\n"), {"A": "1", "B": "x=y # z", "C": ""})
