"""A local cluster for the lab: one machine, no container runtime, nothing left behind.

    python -m resilience_lab.local --bin-dir target/release --logs /tmp/logs -- chaos run experiment.yaml

It starts what `deploy/base` describes, and serves the part of the Kubernetes API that `chaosk8s`, the `kubernetes`
client and `kubectl` use. An experiment written for a cluster runs here unchanged.

Real are the binaries of the services, a network namespace for each pod, Services and network policies as nftables
rules, DNS, and probes by HTTP. All of it lives in namespaces that end with their first process.

Pods end as under a kubelet: preStop, SIGTERM, SIGKILL after the grace period. With grace period 0 the object is deleted
at once, and preStop ends after a second. The network namespace ends with the process: connections to the pod's address
hang. Services follow a pod's end or readiness a second later, as with kube-proxy.

Differences that matter to an experiment:

- If a pod's process ends by itself, a new pod replaces it. A cluster restarts the container in the same pod.
- A network policy is in force when its creation is answered, and cuts established connections too. On a cluster, both
  depend on the network plugin. Packets are dropped silently, except for datagrams: their sender gets an error (EPERM).
- Liveness probes, resource limits, security contexts and disruption budgets have no effect. There are no evictions, no
  rolling updates, no `exec`, and one node.
"""
