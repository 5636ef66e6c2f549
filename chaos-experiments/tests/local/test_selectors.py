import unittest

from resilience_lab.local.selectors import SelectorError, field_matches, from_object, from_text, matches

LABELS = {"app": "client-service", "tier": "front", "app.kubernetes.io/name": "client-service"}


class TextSelectors(unittest.TestCase):
    def test_selectors_that_hold(self):
        for text in (
            "",
            "app=client-service",
            "app==client-service, tier=front",
            "app!=backend-service",
            "missing!=x",
            "app in (backend-service, client-service)",
            "app in (a,client-service),tier notin (back)",
            "missing notin (x)",
            "tier",
            "!missing",
            "app.kubernetes.io/name=client-service",
        ):
            with self.subTest(text):
                self.assertTrue(matches(from_text(text), LABELS))

    def test_selectors_that_do_not(self):
        contradicted = "app=client-service,tier=x"
        for text in ("app=x", "app!=client-service", "missing=x", "missing", "!app", "app in (x)", contradicted):
            with self.subTest(text):
                self.assertFalse(matches(from_text(text), LABELS))

    def test_what_is_no_selector_is_refused(self):
        for text in ("a b", "=x", "app=a=b", "app in x", "app in (a", "app,", "app=ä", "app>1", "name in (a b)"):
            with self.subTest(text), self.assertRaises(SelectorError):
                from_text(text)


class ObjectSelectors(unittest.TestCase):
    def test_labels_and_expressions_must_all_hold(self):
        selector = {
            "matchLabels": {"tier": "front"},
            "matchExpressions": [
                {"key": "app", "operator": "In", "values": ["client-service"]},
                {"key": "app", "operator": "NotIn", "values": ["x"]},
                {"key": "tier", "operator": "Exists"},
                {"key": "missing", "operator": "DoesNotExist"},
            ],
        }
        self.assertTrue(matches(from_object(selector), LABELS))
        self.assertFalse(matches(from_object(selector), {**LABELS, "missing": ""}))
        self.assertFalse(matches(from_object(selector), {**LABELS, "tier": "back"}))

    def test_empty_one_selects_everything(self):
        self.assertTrue(matches(from_object({}), {}))

    def test_what_is_not_understood_is_refused(self):
        for selector in (
            [],
            {"matchLabel": {}},
            {"matchLabels": {"a": 1}},
            {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]},
            {"matchExpressions": [{"key": "a", "operator": "In"}]},
            {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]},
            {"matchExpressions": {"key": "a"}},
        ):
            with self.subTest(selector), self.assertRaises(SelectorError):
                from_object(selector)


class FieldSelectors(unittest.TestCase):
    KNOWN = ("metadata.name", "status.phase")

    def setUp(self):
        self.pod = {"metadata": {"name": "a"}, "status": {"phase": "Running"}}

    def test_equality_and_its_contrary(self):
        for text, expected in (
            ("metadata.name=a", True),
            ("metadata.name==a,status.phase!=Pending", True),
            ("metadata.name!=a", False),
            ("status.phase=Pending", False),
        ):
            self.assertEqual(field_matches(text, self.pod, self.KNOWN), expected, text)

    def test_unknown_fields_are_refused(self):
        for text in ("spec.x=1", "metadata.name", "metadata.name>1"):
            with self.subTest(text), self.assertRaises(SelectorError):
                field_matches(text, self.pod, self.KNOWN)
