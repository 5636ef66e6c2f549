"""One lab and one Prometheus for all tests. Each test continues from the state that the previous one left."""

from pathlib import Path

import pytest
from prometheus import Prometheus

from harness.processes import Processes
from lab import Lab


def pytest_addoption(parser):
    parser.addoption("--bin-dir", type=Path, required=True)


@pytest.fixture(scope="session")
def processes(tmp_path_factory):
    with Processes(tmp_path_factory.mktemp("logs")) as processes:
        yield processes


@pytest.fixture(scope="session")
def lab(request, processes):
    return Lab(processes, request.config.getoption("bin_dir"))


@pytest.fixture(scope="session")
def prometheus(processes, lab, tmp_path_factory):
    return Prometheus(processes, tmp_path_factory.mktemp("prometheus"), lab.backend, lab.client)
