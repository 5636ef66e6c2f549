import pytest

from resilience_lab.local.policy import EGRESS, INGRESS, Peer, Refused, allowed, parse

OWN = {"kubernetes.io/metadata.name": "lab3-resilience"}
SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}
CLIENT = {"app": "client-service"}
PEERS = (
    Peer("192.0.2.11", {"app": "backend-service"}, OWN),
    Peer("192.0.2.10", {"app": "backend-service"}, OWN),
    Peer("192.0.2.12", CLIENT, OWN),
    Peer("192.0.2.2", {"k8s-app": "kube-dns"}, SYSTEM, own_namespace=False),
)


def policy(**spec):
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"}}
    return {**body, "spec": {"podSelector": {"matchLabels": CLIENT}, **spec}}


def egress(*rules):
    return allowed(CLIENT, [parse(policy(policyTypes=["Egress"], egress=list(rules)))], PEERS, EGRESS)


def test_a_pod_that_no_policy_selects_is_unrestricted():
    assert allowed({"app": "x"}, [parse(policy(policyTypes=["Egress"]))], PEERS, EGRESS) is None


def test_a_direction_that_the_policy_does_not_name_is_unrestricted():
    assert allowed(CLIENT, [parse(policy(policyTypes=["Egress"]))], PEERS, INGRESS) is None


def test_no_rules_allow_nothing():
    assert egress() == []


def test_empty_rule_allows_everything():
    assert egress({}) == [""]


def test_ports_without_peers_are_open_to_all():
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert egress({"ports": ports}) == ["udp dport 53", "tcp dport 53"]


def test_port_ranges_and_whole_protocols():
    ports = [{"port": 8000, "endPort": 8080}, {"protocol": "UDP"}]
    assert egress({"ports": ports}) == ["tcp dport 8000-8080", "meta l4proto udp"]


def test_pods_of_the_own_namespace():
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "backend-service"}}}], "ports": [{"port": 5000}]}
    assert egress(rule) == ["ip daddr { 192.0.2.10, 192.0.2.11 } tcp dport 5000"]


def test_pods_of_other_namespaces():
    rule = {"to": [{"namespaceSelector": {"matchLabels": SYSTEM}}]}
    assert egress(rule) == ["ip daddr { 192.0.2.2 }"]


def test_both_selectors_must_match():
    both = {"namespaceSelector": {"matchLabels": SYSTEM}, "podSelector": {"matchLabels": CLIENT}}
    assert egress({"to": [both]}) == []


def test_selector_without_a_pod_allows_nothing_rather_than_everything():
    assert egress({"to": [{"podSelector": {"matchLabels": {"app": "gone"}}}]}) == []


def test_address_blocks_with_exceptions():
    block = {"cidr": "192.0.2.0/24", "except": ["192.0.2.16/29", "192.0.2.24/29"]}
    assert egress({"to": [{"ipBlock": block}]}) == ["ip daddr 192.0.2.0/24 ip daddr != { 192.0.2.16/28 }"]


def test_policies_add_up():
    policies = [
        parse(policy(policyTypes=["Egress"])),
        parse(policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 1}]}, {"ports": [{"port": 1}]}])),
    ]
    assert allowed(CLIENT, policies, PEERS, EGRESS) == ["tcp dport 1"]


def test_ingress_names_the_source():
    body = policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "backend-service"}}}]}])
    assert allowed(CLIENT, [parse(body)], PEERS, INGRESS) == ["ip saddr { 192.0.2.10, 192.0.2.11 }"]


def test_without_policy_types_ingress_always_applies_and_egress_if_it_has_rules():
    assert allowed(CLIENT, [parse(policy())], PEERS, INGRESS) == []
    assert allowed(CLIENT, [parse(policy())], PEERS, EGRESS) is None
    assert allowed(CLIENT, [parse(policy(egress=[{}]))], PEERS, EGRESS) == [""]


def port(**value):
    return policy(policyTypes=["Egress"], egress=[{"ports": [value]}])


def peer(value):
    return policy(policyTypes=["Egress"], egress=[{"to": [value]}])


PORTS, TO = "spec.egress[0].ports[0]", "spec.egress[0].to[0]"
OUTSIDE = {"cidr": "192.0.2.0/24", "except": ["198.51.100.0/25"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({**policy(), "kind": "Pod"}, "kind"),
        ({**policy(), "apiVersion": "v1"}, "apiVersion"),
        ({**policy(), "metadata": {}}, "metadata.name"),
        ({**policy(), "metadata": {"name": "Not A Name"}}, "metadata.name"),
        ({**policy(), "spec": None}, "spec"),
        (policy(egres=[]), "spec.egres"),
        (policy(policyTypes=["egress"]), "spec.policyTypes[0]"),
        (policy(policyTypes=["Egress"], egress={"to": []}), "spec.egress"),
        (policy(podSelector={"matchLabel": {}}), "spec.podSelector.matchLabel"),
        (policy(policyTypes=["Egress"], egress=[{"from": []}]), "spec.egress[0].from"),
        (port(port=80, protocol="SCTP"), f"{PORTS}.protocol"),
        (port(port="http"), f"{PORTS}.port"),
        (port(port=0), f"{PORTS}.port"),
        (port(port=True), f"{PORTS}.port"),
        (port(endPort=80), f"{PORTS}.endPort"),
        (port(port=80, endPort=79), f"{PORTS}.endPort"),
        (peer({}), TO),
        (peer({"ipBlock": {"cidr": "192.0.2.0/24"}, "podSelector": {}}), TO),
        (peer({"ipBlock": {"cidr": "2001:db8::/32"}}), f"{TO}.ipBlock.cidr"),
        (peer({"ipBlock": OUTSIDE}), f"{TO}.ipBlock.except"),
        (peer({"namespaceSelector": {"a": 1}}), f"{TO}.namespaceSelector.a"),
    ],
)
def test_refusals_name_the_field(body, field):
    with pytest.raises(Refused) as caught:
        parse(body)
    assert caught.value.field == field
