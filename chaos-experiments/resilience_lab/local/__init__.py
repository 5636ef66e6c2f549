"""A local stand-in for the lab's cluster: one machine, no container runtime, nothing left behind.

    python -m resilience_lab.local --bin-dir target/release --logs /tmp/logs -- chaos run experiment.yaml

It starts what `deploy/base` describes and serves as much of the Kubernetes API as `chaosk8s`, the `kubernetes` client
and a `kubectl` ask for, so that an experiment written for a cluster runs here unchanged.

What is real: the services' own binaries, a network namespace for each pod, virtual services and network policies as
nftables rules, names by DNS, readiness by HTTP. All of it lives in namespaces that end with their first process.

Pods end as a kubelet ends them: preStop, SIGTERM, SIGKILL after the grace period. With grace period 0 their object is
gone at once, and preStop is cut off after a second. The network namespace ends with the process, so that connections to
the pod's address hang. Services learn of an end, and of a new pod that is ready, a second later, as from kube-proxy.

What is not, and matters to an experiment:

- A pod whose process ends by itself is replaced by a new pod. A cluster restarts the container in the same pod.
- A network policy is in force when its creation is answered, and cuts established connections too. Both are up to a
  cluster's network plugin. What it drops is dropped silently, but for datagrams: their sender sees an error (EPERM).
- Liveness probes, resource limits, security contexts and disruption budgets have no effect. There are no evictions, no
  rolling updates, no `exec`, and one node.
"""
