"""What the experiments in this folder are made of.

- `actions`, `probes`: what an experiment does to the lab, and what it asks of it
- `users`, `strict`, `calm`: controls around an experiment: steady traffic, strictness, a backend without dice
- `traffic`: users that call at a steady rate, whatever becomes of their calls, and a record of what they saw
- `verdict`: what a run's journal says, in words
- `local`: a stand-in for a cluster, on one machine
"""
