from resilience_lab.local.lab import Service, ServicePort
from resilience_lab.local.network import Route, routes, ruleset
from resilience_lab.local.policy import Peer, parse

BACKEND = Route("198.51.100.10", 5000, ("192.0.2.10", "192.0.2.11"), 5000)
CLIENT = {"app": "client-service"}


def rules(text, chain):
    prefix = f"add rule ip lab {chain} "
    return [line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix)]


def policy(**spec):
    return parse({"metadata": {"name": "p"}, "spec": {"podSelector": {"matchLabels": CLIENT}, **spec}})


def test_headless_service_has_no_route():
    service = Service("pods", True, BACKEND, (ServicePort(5000, 5000, None),), {})
    assert routes([service], {}, {"pods": ("192.0.2.10",)}) == []


def test_node_port_is_a_second_address_of_the_service():
    service = Service("client-service", False, CLIENT, (ServicePort(8000, 8000, 30080),), {})
    found = routes([service], {"client-service": "198.51.100.11"}, {"client-service": ("192.0.2.12",)})
    assert [(route.ip, route.port) for route in found] == [("198.51.100.11", 8000), ("192.0.2.1", 30080)]
    assert {(route.endpoints, route.target) for route in found} == {(("192.0.2.12",), 8000)}


def test_rules_are_replaced_in_one_transaction():
    lines = ruleset([BACKEND]).splitlines()
    flush = lines.index("flush table ip lab")
    assert all(line.startswith(("add table", "add chain")) for line in lines[:flush])
    assert all(line.startswith("add rule") for line in lines[flush + 1 :])


def test_connections_go_to_a_random_endpoint():
    assert rules(ruleset([BACKEND]), "services") == [
        "ip daddr 198.51.100.10 tcp dport 5000 dnat to numgen random mod 2 map { 0 : 192.0.2.10, 1 : 192.0.2.11 }:5000"
    ]


def test_single_endpoint_needs_no_choice():
    route = Route("198.51.100.10", 80, ("192.0.2.10",), 5000)
    expected = "ip daddr 198.51.100.10 tcp dport 80 dnat to 192.0.2.10:5000"
    assert rules(ruleset([route]), "services") == [expected]


def test_service_without_endpoints_refuses_as_often_as_a_kernel_makes_icmp_errors():
    text = ruleset([Route("198.51.100.10", 5000, (), 5000)])
    assert rules(text, "services") == []
    match = "ip daddr 198.51.100.10 tcp dport 5000"
    limited = f"{match} limit rate 1/second burst 6 packets reject with icmp type port-unreachable"
    assert rules(text, "outgoing") == [limited, f"{match} drop"]


def test_without_a_policy_nothing_is_filtered():
    text = ruleset([BACKEND], labels=CLIENT)
    assert rules(text, "outgoing") + rules(text, "incoming") == []


def test_an_isolated_pod_may_answer_and_make_permitted_connections():
    text = ruleset([BACKEND], [policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 53}]}])], [], CLIENT)
    assert rules(text, "outgoing") == [
        'oifname "lo" accept',
        "ct direction reply accept",
        "tcp dport 53 accept",
        "drop",
    ]
    assert rules(text, "incoming") == []


def test_node_reaches_isolated_pods():
    text = ruleset([], [policy(policyTypes=["Ingress"])], [], CLIENT)
    assert rules(text, "incoming") == [
        'iifname "lo" accept',
        "ct direction reply accept",
        "ip saddr 192.0.2.1 accept",
        "drop",
    ]


def test_an_unrestricted_rule_is_a_plain_accept():
    text = ruleset([], [policy(policyTypes=["Egress"], egress=[{}])], [Peer("192.0.2.10", {}, {})], CLIENT)
    assert "accept" in rules(text, "outgoing")


def test_policies_do_not_apply_to_the_node():
    text = ruleset([BACKEND], [policy(podSelector={}, policyTypes=["Egress", "Ingress"])])
    assert rules(text, "outgoing") + rules(text, "incoming") == []
