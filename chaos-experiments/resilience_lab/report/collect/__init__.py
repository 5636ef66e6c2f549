"""The phases of the lab, each a command: `python -m resilience_lab.report.collect PHASE --output FILE`.

They need a lab, from `python -m resilience_lab.local` or on a cluster, with CLIENT_URL and KUBECONFIG.
"""
