"""A soak of the client-service: random faults, a backend that is killed, steady load, and a verdict."""
