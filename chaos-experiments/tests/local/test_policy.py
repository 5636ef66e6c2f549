import unittest

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


class Translation(unittest.TestCase):
    def test_pod_that_no_policy_selects_may_do_everything(self):
        self.assertIsNone(allowed({"app": "x"}, [parse(policy(policyTypes=["Egress"]))], PEERS, EGRESS))

    def test_direction_that_the_policy_does_not_name_is_free(self):
        self.assertIsNone(allowed(CLIENT, [parse(policy(policyTypes=["Egress"]))], PEERS, INGRESS))

    def test_no_rules_allow_nothing(self):
        self.assertEqual(egress(), [])

    def test_empty_rule_allows_everything(self):
        self.assertEqual(egress({}), [""])

    def test_ports_alone_are_open_to_everybody(self):
        ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
        self.assertEqual(egress({"ports": ports}), ["udp dport 53", "tcp dport 53"])

    def test_port_ranges_and_whole_protocols(self):
        ports = [{"port": 8000, "endPort": 8080}, {"protocol": "UDP"}]
        self.assertEqual(egress({"ports": ports}), ["tcp dport 8000-8080", "meta l4proto udp"])

    def test_pods_of_the_own_namespace(self):
        rule = {"to": [{"podSelector": {"matchLabels": {"app": "backend-service"}}}], "ports": [{"port": 5000}]}
        self.assertEqual(egress(rule), ["ip daddr { 192.0.2.10, 192.0.2.11 } tcp dport 5000"])

    def test_pods_of_other_namespaces(self):
        rule = {"to": [{"namespaceSelector": {"matchLabels": SYSTEM}}]}
        self.assertEqual(egress(rule), ["ip daddr { 192.0.2.2 }"])

    def test_both_selectors_must_hold(self):
        both = {"namespaceSelector": {"matchLabels": SYSTEM}, "podSelector": {"matchLabels": CLIENT}}
        self.assertEqual(egress({"to": [both]}), [])

    def test_selector_without_a_pod_allows_nothing_rather_than_everything(self):
        self.assertEqual(egress({"to": [{"podSelector": {"matchLabels": {"app": "gone"}}}]}), [])

    def test_address_blocks_with_exceptions(self):
        block = {"cidr": "192.0.2.0/24", "except": ["192.0.2.16/29", "192.0.2.24/29"]}
        self.assertEqual(egress({"to": [{"ipBlock": block}]}), ["ip daddr 192.0.2.0/24 ip daddr != { 192.0.2.16/28 }"])

    def test_policies_add_up(self):
        policies = [
            parse(policy(policyTypes=["Egress"])),
            parse(policy(policyTypes=["Egress"], egress=[{"ports": [{"port": 1}]}, {"ports": [{"port": 1}]}])),
        ]
        self.assertEqual(allowed(CLIENT, policies, PEERS, EGRESS), ["tcp dport 1"])

    def test_ingress_names_the_source(self):
        body = policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "backend-service"}}}]}])
        self.assertEqual(allowed(CLIENT, [parse(body)], PEERS, INGRESS), ["ip saddr { 192.0.2.10, 192.0.2.11 }"])

    def test_without_policy_types_ingress_always_counts_and_egress_if_there_are_rules(self):
        self.assertEqual(allowed(CLIENT, [parse(policy())], PEERS, INGRESS), [])
        self.assertIsNone(allowed(CLIENT, [parse(policy())], PEERS, EGRESS))
        self.assertEqual(allowed(CLIENT, [parse(policy(egress=[{}]))], PEERS, EGRESS), [""])


class Refusals(unittest.TestCase):
    def refused(self, body, field):
        with self.subTest(field), self.assertRaises(Refused) as caught:
            parse(body)
        self.assertEqual(caught.exception.field, field)

    def test_each_names_its_field(self):
        def port(**value):
            return policy(policyTypes=["Egress"], egress=[{"ports": [value]}])

        def peer(value):
            return policy(policyTypes=["Egress"], egress=[{"to": [value]}])

        ports, to = "spec.egress[0].ports[0]", "spec.egress[0].to[0]"
        self.refused([], "body")
        self.refused({**policy(), "kind": "Pod"}, "kind")
        self.refused({**policy(), "apiVersion": "v1"}, "apiVersion")
        self.refused({**policy(), "metadata": {}}, "metadata.name")
        self.refused({**policy(), "metadata": {"name": "Not A Name"}}, "metadata.name")
        self.refused({**policy(), "spec": None}, "spec")
        self.refused(policy(egres=[]), "spec.egres")
        self.refused(policy(policyTypes=["egress"]), "spec.policyTypes")
        self.refused(policy(policyTypes=["Egress"], egress={"to": []}), "spec.egress")
        self.refused(policy(podSelector={"matchLabel": {}}), "spec.podSelector")
        self.refused(policy(policyTypes=["Egress"], egress=[{"from": []}]), "spec.egress[0].from")
        self.refused(port(port=80, protocol="SCTP"), f"{ports}.protocol")
        self.refused(port(port="http"), f"{ports}.port")
        self.refused(port(port=0), f"{ports}.port")
        self.refused(port(port=True), f"{ports}.port")
        self.refused(port(endPort=80), f"{ports}.endPort")
        self.refused(port(port=80, endPort=79), f"{ports}.endPort")
        self.refused(peer({}), to)
        self.refused(peer({"ipBlock": {"cidr": "192.0.2.0/24"}, "podSelector": {}}), to)
        self.refused(peer({"ipBlock": {"cidr": "2001:db8::/32"}}), f"{to}.ipBlock.cidr")
        outside = {"cidr": "192.0.2.0/24", "except": ["198.51.100.0/25"]}
        self.refused(peer({"ipBlock": outside}), f"{to}.ipBlock.except[0]")
        self.refused(peer({"namespaceSelector": {"a": 1}}), f"{to}.namespaceSelector")
