"""The last failure: the tests before need the client."""


def test_client_is_killed(lab, prometheus):
    lab.client.kill()
    prometheus.await_alert("ClientAbsent")
