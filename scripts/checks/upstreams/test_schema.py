"""The schema that `client-service schema` prints: it takes and refuses the files that the client takes and refuses."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

PAGE = Path(__file__).parents[3] / "docs/gateway.md"
FILES = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)

REFUSED = [
    {},
    {"upstreams": {}},
    {"upstreams": {"p": {}}},
    {"upstreams": {"P": {"url": "http://p"}}},
    {"upstreams": {"p": {"url": "http://p"}}, "x": 1},
]
REFUSED_KEYS = [
    ("url", "ftp://p"),
    ("url", "http://p/path"),
    ("url", []),
    ("url", ["http://p", "http://p/path"]),
    ("endpoints", "some"),
    ("eject_max_share", 1.5),
    ("coalesce", "stale"),
    ("fallback", "on"),
    ("fallback_max_bytes", 0),
    ("colour", 1),
    ("breaker_fail_max", -1),
    ("breaker_fail_max", 1.5),
    ("breaker_fail_max", True),
    ("breaker_failure_rate", 0),
    ("attempt_timeout", 2_592_001),
    ("breaker_scope", "calls"),
    ("throttle", 1),
    ("token", {"file": "a", "env": "b"}),
    ("headers", {"x": 1}),
    ("tls", {"ca": "x"}),
    ("routes", [{"breaker_fail_max": 1}]),
    ("routes", [{"fallback": "stale"}]),
    ("routes", [{"methods": ["get"]}]),
    ("routes", [{"path": "x"}]),
]
TAKEN_KEYS = [
    ("url", "http://[::1]:1/"),
    ("url", ["http://p", "http://q:1"]),
    ("endpoints", "all"),
    ("eject_base_time", 0.5),
    ("breaker_fail_max", "7"),
    ("breaker_window", "60s"),
    ("concurrency_max", "auto"),
    ("rate_limit", "10/s"),
    ("hedge_after", False),
    ("throttle", True),
    ("fallback", "stale"),
    ("fallback_max_age", 300),
    ("coalesce", "on"),
    ("coalesce", True),
    ("pool_max_age", 5),
    ("body_idle_timeout", 0.5),
    ("token", {"env": "TOKEN"}),
    ("headers", {"x": "y", "z": {"file": "key"}}),
    ("tls", {"server_name": "p"}),
    ("routes", [{"methods": ["GET"], "path": "/x", "idempotent": True, "hedge_after": 1}]),
]


@pytest.fixture(scope="module")
def validator():
    client = Path(os.environ["BIN_DIR"], "client-service")
    schema = json.loads(subprocess.check_output([client, "schema"]))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def with_key(key, value):
    return {"upstreams": {"p": {"url": "https://p", key: value}}}


def test_the_page_has_files():
    assert len(FILES) > 2


@pytest.mark.parametrize("text", FILES)
def test_each_file_of_the_page_is_taken(validator, text):
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize("file", REFUSED + [with_key(*key) for key in REFUSED_KEYS], ids=json.dumps)
def test_what_the_reader_refuses_is_refused(validator, file):
    assert not validator.is_valid(file)


@pytest.mark.parametrize(("key", "value"), TAKEN_KEYS, ids=json.dumps)
def test_each_way_to_write_a_value_is_taken(validator, key, value):
    validator.validate(with_key(key, value))
