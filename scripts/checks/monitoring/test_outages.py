"""No alert fires in normal operation, and each fires in its failure. Each test needs the previous ones."""

import time

import pytest
from prometheus import GATEWAY_NAMESPACE, NAMESPACE

from harness import http
from lab import A_FEW_FAILURES, BASELINE, CALL, EVERYDAY
from resilience_lab.waiting import wait_for

OF_AN_OUTAGE = ("CircuitBreakerOpenTooLong", "FastFailShareHigh", "BackendDown", "BackendAbsent")


def test_annotated_pods_are_scraped_and_no_others(prometheus):
    assert wait_for(lambda: prometheus.value("sum(up)") == 3, 15), "not all are up"
    targets = [target["labels"] for target in prometheus.ask("targets", state="active")["activeTargets"]]
    found = sorted((each["job"], each["application"], each["namespace"], each["pod"]) for each in targets)
    assert found == [
        ("backend-service", "backend-service", NAMESPACE, "backend-1"),
        ("client-service", "client-service", NAMESPACE, "client-1"),
        ("gateway", "gateway", GATEWAY_NAMESPACE, "gateway-1"),
    ]


def test_nothing_fires_in_normal_operation(lab, prometheus):
    with lab.traffic(*EVERYDAY):
        time.sleep(4)
        since = time.time()
        # Retries repair these.
        lab.set_faults(**A_FEW_FAILURES)
        # They stand for 8 minutes.
        time.sleep(8)
        firing = prometheus.over_time('ALERTS{alertstate="firing"}', since)
    assert not firing


class TestUnderEverydayTraffic:
    @pytest.fixture(autouse=True, scope="class")
    def everyday_traffic(self, lab):
        with lab.traffic(*EVERYDAY):
            yield

    def test_most_attempts_fail_and_retries_storm(self, lab, prometheus):
        lab.set_faults(failure_rate=0.6, transient_failure_rate=0.9)
        prometheus.await_alert("RetryStorm")
        lab.set_faults(**A_FEW_FAILURES)

    def test_backend_is_killed(self, lab, prometheus):
        lab.backend.kill()
        lab.await_state("open")
        for alert in OF_AN_OUTAGE:
            prometheus.await_alert(alert)

    def test_backend_comes_back_and_the_alerts_are_over(self, lab, prometheus):
        lab.backend.start()
        lab.backend.await_port()
        lab.await_state("closed")
        for alert in (*OF_AN_OUTAGE, "RetryStorm"):
            prometheus.await_silence(alert)

    def test_circuit_opens_and_closes_at_the_next_trial_again_and_again(self, lab, prometheus):
        for _ in range(30):
            if prometheus.is_firing("CircuitBreakerFlapping"):
                break
            lab.set_faults(failure_rate=1)
            lab.open()
            lab.set_faults()
            lab.await_state("closed")
        prometheus.await_alert("CircuitBreakerFlapping", 1)


def test_no_alert_for_a_circuit_that_is_half_open_only_for_lack_of_calls(lab, prometheus):
    lab.open()
    half_open = 'resilience4j_circuitbreaker_state{state="half_open"}'
    assert wait_for(lambda: prometheus.value(half_open) == 1, 20), "Prometheus does not see it half-open"
    # The rule's two and five minutes, and some more.
    time.sleep(9)
    assert not prometheus.is_firing("CircuitBreakerOpenTooLong")
    http.get(lab.client.url(CALL))
    lab.await_state("closed")


def test_circuit_is_disabled_and_forced_open(lab, prometheus):
    with lab.traffic(CALL, BASELINE):
        lab.post("/api/circuit-breaker/disable")
        time.sleep(2)
        lab.post("/api/circuit-breaker/force-open")
        prometheus.await_alert("CircuitBreakerHeldByHand")
        lab.post("/api/circuit-breaker/enable")
        lab.await_state("closed")


def test_faults_are_injected(lab, prometheus):
    lab.inject(0.01)
    prometheus.await_alert("FaultInjectionOn")
    lab.inject(0)
    prometheus.await_silence("FaultInjectionOn")


def test_client_has_more_calls_than_room(lab, prometheus):
    lab.set_faults(slow_response_rate=1, slow_response_delay=0.3)
    # Slightly more than MAX_CALLS at a time: with more, most calls would be rejected.
    with lab.traffic(*[CALL] * 22, pause=0):
        prometheus.await_alert("ClientNearCapacity")
    lab.set_faults()
