"""One lab, one gateway and one Prometheus for all tests. Each test continues from the state that the last one left."""

from pathlib import Path

import pytest
from gateway import Gateway
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
def gateway(request, processes, tmp_path_factory):
    return Gateway(processes, request.config.getoption("bin_dir"), tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="session")
def prometheus(processes, lab, gateway, tmp_path_factory):
    ports = {"backend": lab.backend.port, "client": lab.client.port, "gateway": gateway.process.port}
    return Prometheus(processes, tmp_path_factory.mktemp("prometheus"), ports)
