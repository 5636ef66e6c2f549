"""What bench, soak and the checks of the dashboard share: processes, the lab's two services, and HTTP calls."""
