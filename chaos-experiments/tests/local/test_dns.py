import pytest
from dnslib import RCODE, DNSRecord

from resilience_lab.local.dns import Resolver, names, resolv_conf

OWN = ".lab3-resilience"
KNOWN = names(
    {"backend-service": ("198.51.100.10",), "pods": ("192.0.2.10", "192.0.2.11"), "empty": ()}, "lab3-resilience"
)


def ask(name, kind="A"):
    return Resolver(lambda: KNOWN).resolve(DNSRecord.question(name, kind), None)


@pytest.mark.parametrize("suffix", ["", OWN, f"{OWN}.svc", f"{OWN}.svc.cluster.local", ".LAB3-resilience."])
def test_all_names_of_a_service(suffix):
    assert [str(each.rdata) for each in ask(f"backend-service{suffix}").rr] == ["198.51.100.10"]


def test_a_headless_service_resolves_to_all_its_pods_or_to_nothing():
    assert [str(each.rdata) for each in ask("pods").rr] == ["192.0.2.10", "192.0.2.11"]
    assert ask("empty").header.rcode == RCODE.NXDOMAIN


def test_a_known_name_without_an_address_of_that_type_is_not_nxdomain():
    reply = ask("backend-service", "AAAA")
    assert (reply.rr, reply.header.rcode) == ([], RCODE.NOERROR)


def test_unknown_names_are_nxdomain():
    for name in ("backend-service.default.svc.cluster.local", "example.org", "service"):
        assert ask(name).header.rcode == RCODE.NXDOMAIN, name


def test_pods_search_their_own_namespace_first():
    written = resolv_conf("192.0.2.2", "lab3-resilience")
    assert "search lab3-resilience.svc.cluster.local svc.cluster.local" in written
