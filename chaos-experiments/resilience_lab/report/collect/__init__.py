"""The phases of the lab, each a command: `python -m resilience_lab.report.collect PHASE --output FILE`.

They need a lab as `python -m resilience_lab.local` gives it, or a cluster: CLIENT_URL, and a KUBECONFIG to reach the
pods.
"""
