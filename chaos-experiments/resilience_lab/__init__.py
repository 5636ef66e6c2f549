"""The probes, actions and controls of the experiments, and a local cluster to run them on.

- `backend`, `network`: actions on the lab
- `probes`: checks of what callers see
- `changes`: changes to a Deployment or a ConfigMap that the next run can undo
- `cluster`: calls to the Kubernetes API
- `quiet`, `users`, `strict`: controls: no random faults, constant traffic, an end at the first failed check
- `traffic`: callers at a constant rate, and a record of their calls
- `verdict`: judges the journal of a run
- `local`: a local cluster, on one machine
- `report`: the report of the whole lab
- `waiting`: waits for a condition
"""
