from resilience_lab.report.collect import log


def test_log_times_are_relative_to_the_start_of_the_record():
    lines = [
        "2026-01-02T03:04:04.900Z INFO  resilience_actors::breaker circuit_breaker: open -> closed (reset)",
        "2026-01-02T03:04:06.500Z INFO  resilience_actors::retry retry: call 1 attempt 1/4: status 429",
        # With the time stamp that the Kubernetes API puts before each line.
        "2026-01-02T03:04:07.250000001Z 2026-01-02T03:04:07.250Z INFO  a::b circuit_breaker: closed -> open (why)",
    ]
    found = log.transitions(lines, "2026-01-02T03:04:05.000+00:00")
    assert found == [{"at": 2.25, "line": "circuit_breaker: closed -> open (why)"}]
