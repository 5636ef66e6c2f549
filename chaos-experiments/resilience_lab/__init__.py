"""What the experiments in this folder are made of.

- `backend`, `network`, `probes`: what an experiment does to the lab, and what it asks of it
- `changes`: changes to a Deployment or a ConfigMap that can be undone, whatever ends the experiment
- `cluster`: the Kubernetes API, as far as they need it
- `quiet`, `users`, `strict`: controls around an experiment: a lab without dice, steady traffic, strictness
- `traffic`: users that call at a steady rate, whatever becomes of their calls, and a record of what they saw
- `verdict`: what a run's journal says, in words
- `local`: a stand-in for a cluster, on one machine
"""
