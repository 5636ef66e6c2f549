"""Runs inside the local cluster, as its COMMAND: an experiment that a signal ends while the backend has no pods.

    python -m tests.local.interrupted SIGINT

Prints what the experiment said, and what it has left of the Deployment and the ConfigMap.
"""

import signal
import subprocess
import sys

from chaosk8s import create_k8s_api_client
from kubernetes import client

NS, BACKEND = "lab3-resilience", "backend-service"
COMMAND = "chaos --no-version-check --no-log-file run --journal-path /dev/null pod-failure.yaml"
# The experiment only waits here, in code of its own. A library that a signal interrupts may print its own traceback.
WAITS = "Probe: the circuit opens within"


def main() -> None:
    api = create_k8s_api_client()
    apps, core = client.AppsV1Api(api), client.CoreV1Api(api)

    def replicas() -> int:
        return apps.read_namespaced_deployment(BACKEND, NS).spec.replicas

    said = subprocess.Popen(COMMAND.split(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for line in said.stdout:
            print(line, end="")
            if WAITS in line:
                assert replicas() == 0, "the experiment waits for the circuit before it took the pods"
                said.send_signal(signal.Signals[sys.argv[1]])
        said.wait()
    finally:
        said.kill()
    settings = core.read_namespaced_config_map("backend-config", NS).data
    print("exit status", said.returncode, "replicas", replicas(), "FAILURE_RATE", settings["FAILURE_RATE"])


main()
