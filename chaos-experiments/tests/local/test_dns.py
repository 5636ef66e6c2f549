import unittest

from dnslib import RCODE, DNSRecord

from resilience_lab.local.dns import answer, names, resolv_conf

KNOWN = names(
    {"backend-service": ("198.51.100.10",), "pods": ("192.0.2.10", "192.0.2.11"), "nobody": ()}, "lab3-resilience"
)


def ask(name, kind="A"):
    return DNSRecord.parse(answer(DNSRecord.question(name, kind).pack(), KNOWN))


class Answers(unittest.TestCase):
    def test_all_names_of_a_service(self):
        own = ".lab3-resilience"
        for suffix in ("", own, f"{own}.svc", f"{own}.svc.cluster.local", ".LAB3-resilience."):
            with self.subTest(suffix):
                self.assertEqual([str(each.rdata) for each in ask(f"backend-service{suffix}").rr], ["198.51.100.10"])

    def test_a_headless_service_is_all_its_pods_or_nothing(self):
        self.assertEqual([str(each.rdata) for each in ask("pods").rr], ["192.0.2.10", "192.0.2.11"])
        self.assertEqual(ask("nobody").header.rcode, RCODE.NXDOMAIN)

    def test_known_name_without_an_address_of_that_kind_exists_all_the_same(self):
        reply = ask("backend-service", "AAAA")
        self.assertEqual((reply.rr, reply.header.rcode), ([], RCODE.NOERROR))

    def test_other_names_do_not_exist(self):
        for name in ("backend-service.default.svc.cluster.local", "example.org", "service"):
            self.assertEqual(ask(name).header.rcode, RCODE.NXDOMAIN, name)

    def test_what_is_no_query_gets_no_answer(self):
        for data in (b"", b"x" * 11, b"\xff" * 40, DNSRecord.question("backend-service").reply().pack()):
            self.assertIsNone(answer(data, KNOWN))

    def test_pods_look_in_their_namespace_first(self):
        written = resolv_conf("192.0.2.2", "lab3-resilience")
        self.assertIn("search lab3-resilience.svc.cluster.local svc.cluster.local", written)
