"""Every policy of the gateway has something to do: data for the queries. A file of upstreams that is wrong."""

import pytest

from resilience_lab.waiting import wait_for

# What the traffic must bring about, beside what comes of itself.
SEEN = (
    "sum(client_throttle_rejections_total)",
    "sum(client_quiet_period_rejections_total)",
    "sum(client_priority_rejections_total)",
    "sum(client_retry_budget_refused_total)",
    "sum(client_hedges_won_total)",
    "sum(client_coalesced_calls_total)",
    "sum(client_stale_answers_total)",
    "sum(client_breaker_probes_total)",
    "sum(client_injected_faults_total)",
    "sum(client_endpoint_ejections_total)",
    "max_over_time(client_concurrency_queued[1m])",
    "max_over_time(resilience4j_ratelimiter_waiting_threads[1m])",
    "client_concurrency_baseline_seconds",
)


@pytest.fixture(scope="module", autouse=True)
def traffic(gateway):
    gateway.inject_faults_at("several", 0.2)
    with gateway.traffic():
        yield


@pytest.mark.parametrize("query", SEEN)
def test_policy_has_something_to_do(prometheus, query):
    assert wait_for(lambda: (prometheus.value(query) or 0) > 0, 30), f"nothing from {query}"


def test_file_of_upstreams_is_wrong(gateway, prometheus):
    gateway.write_file(wrong="[upstreams.limited]\n")
    prometheus.await_alert("ConfigReloadFailed")
    gateway.write_file()
    prometheus.await_silence("ConfigReloadFailed")
