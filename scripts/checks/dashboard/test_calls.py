"""Calls from the page, and what it shows of all calls."""

import re

from playwright.sync_api import expect

from pages import containing
from resilience_lab.waiting import wait_for


def test_single_calls(lab, page):
    before = lab.client.stats()
    page.get_by_role("button", name="Call the backend").click()
    expect(page.locator("#call-result")).to_contain_text("Call the backend: 200 in")
    page.get_by_role("button", name="Baseline call").click()
    expect(page.locator("#call-result")).to_contain_text("Baseline call: 200 in")
    lab.fail(sequence=["transient", "transient"])
    page.get_by_role("button", name="Test retry").click()
    expect(page.locator("#call-result")).to_contain_text("Test retry: 200 in")
    expect(page.locator("#call-result")).to_contain_text("3 attempts")
    after = lab.client.stats()
    assert after["successful_requests"] == before["successful_requests"] + 2
    assert after["retry_attempts"] == before["retry_attempts"] + 2
    assert after["baseline"]["successful_requests"] == before["baseline"]["successful_requests"] + 1
    # The views have them.
    row = page.locator("#waterfall li").filter(has_text="test-retry").first
    expect(row.locator(".attempt")).to_have_count(3)
    expect(row.locator(".wait")).to_have_count(2)
    page.get_by_label("retried only").check()
    expect(page.locator("#waterfall li").filter(has_not_text="test-retry")).to_have_count(0)
    page.get_by_label("retried only").uncheck()
    expect(page.locator("#side-baseline .rate")).to_have_text("100\u00a0%")
    expect(page.locator("#latency-resilient [data-field=p99]")).to_contain_text("ms")
    expect(page.locator("tr.retry_attempts td").first).to_have_text(str(after["retry_attempts"]))
    expect(page.locator("#timeline")).to_have_attribute("aria-label", containing("Baseline: 1 call, 1 succeeded"))


def test_failed_call_shows_its_cause(lab, page):
    lab.client.call("POST", "/api/circuit-breaker/force-open")
    page.get_by_role("button", name="Call the backend").click()
    expect(page.locator("#call-result")).to_contain_text("503")
    expect(page.locator("#call-result")).to_have_class(containing("wrong"))
    expect(page.locator("#waterfall li").first).to_contain_text("refused at once")
    expect(page.locator("tr.rejected_requests td").first).to_have_text(str(lab.client.stats()["rejected_requests"]))
    lab.client.reset()


def test_deadline_of_a_caller_is_shown(lab, page):
    lab.fail(sequence=["hang"])
    page.get_by_label("call", exact=True).check()
    asked = "fetch('/api/call-backend', { headers: { 'X-Request-Deadline': '0.25' } }).then((answer) => answer.status)"
    assert page.evaluate(asked) == 504
    expect(page.locator("#log .call").first).to_contain_text("of the 250\u00a0ms that its caller had")


# How much of a bar each of its parts takes.
SHARES = """(bar) => {
  const width = (element) => element.getBoundingClientRect().width;
  return Object.fromEntries([...bar.children].map((part) => [part.className, width(part) / width(bar)]));
}"""


def test_calls_of_callers_that_leave(lab, page):
    for _ in range(2):
        lab.client.get("/api/call-backend")
    lab.fail(sequence=["hang", "hang", "hang"])
    for _ in range(3):
        lab.client.leave("/api/call-backend", 0.3)
    rows = page.locator("#waterfall li").filter(has_text="abandoned")
    expect(rows).not_to_have_count(0)
    expect(rows.first).to_contain_text("caller disconnected")
    # The bar is as full as the rate says, and each part of the rest has its name beside it.
    side = page.locator("#side-resilient")
    expect(side.locator("[data-field=parts]")).to_contain_text("3 abandoned")
    rate = float(side.locator(".rate").inner_text().removesuffix("\u00a0%")) / 100
    shares = side.locator(".share").evaluate(SHARES)
    assert abs(shares["success"] - rate) < 0.03, (shares, rate)
    assert sum(shares.values()) > 0.95, shares
    for part, share in shares.items():
        expect(side.locator(f"[data-field=parts] .{part}")).to_have_count(int(share > 0 and part != "success"))
    expect(page.locator("#timeline")).to_have_attribute("aria-label", re.compile(r"[1-9]\d* abandoned\. Baseline"))


def test_stress_test(lab, page):
    page.get_by_label("calls", exact=True).fill("12")
    page.locator("#stress-run").click()
    expect(page.locator("#stress-result")).to_contain_text("5 × 500, 7 × 503")
    expect(page.locator("#stress-result")).to_contain_text("the circuit is open")
    assert lab.client.breaker()["state"] == "open"
    expect(page.locator("#state")).to_have_text("open")
    expect(page.locator("#log")).to_contain_text("7 calls refused: the circuit is open")
    # Another rate: none fails.
    lab.client.reset()
    page.locator("#stress-rate").fill("0")
    page.locator("#stress-run").click()
    expect(page.locator("#stress-result")).to_contain_text("12 × 200")
    # Out of bounds: not sent.
    before = lab.client.stats()["total_requests"]
    page.get_by_label("calls", exact=True).fill("10001")
    page.locator("#stress-run").click()
    page.wait_for_timeout(200)
    assert lab.client.stats()["total_requests"] == before
    # A long one can be stopped.
    lab.fail(slow_response_rate=1, slow_response_delay=0.5)
    page.get_by_label("calls", exact=True).fill("100")
    page.locator("#stress-run").click()
    expect(page.locator("#stress-run")).to_have_text("Stop")
    page.locator("#stress-run").click()
    expect(page.locator("#stress-result")).to_have_text("Stopped.")
    expect(page.locator("#stress-run")).to_have_text("Run")


def test_steady_traffic(lab, page):
    before = lab.client.stats()
    page.locator("#steady-rate").fill("10")
    switch = page.get_by_role("switch", name="Both kinds")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")

    def calls():
        now = lab.client.stats()
        return min(
            now["total_requests"] - before["total_requests"],
            now["baseline"]["total_requests"] - before["baseline"]["total_requests"],
        )

    assert wait_for(lambda: calls() >= 10, 5), "ten calls of each kind"
    # A backend that hangs must block neither the page nor its controls.
    lab.fail(sequence=["hang"], repeat=True)
    assert wait_for(lambda: lab.client.breaker()["state"] == "open", 20), "hanging calls open the circuit"
    expect(page.locator("#state")).to_have_text("open", timeout=1000)
    page.wait_for_timeout(5000)
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator("#breaker-result")).not_to_have_text("", timeout=1500)
    lab.fail()
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    page.wait_for_timeout(1500)
    ended = calls()
    page.wait_for_timeout(500)
    assert calls() == ended, "calls go on after the switch was put off"


# The lines of the policies of the guarded client, without fault injection.
POLICY_LINES = {
    "throttle": r"throttling: rejects 0.%, 0 so far",
    "rate": r"rate limit: 10.000 in 1\.00.s, 10.000 available, 0 waiting",
    "concurrency": r"concurrency limit: 0 of [0-9]+ in flight, 0 queued; 4 to 200 by latency, \S+(.m?s)? without load; "
    r"priorities: rejects 0.% without a free place, 0 so far",
    "hedge": r"hedging: [0-9]+ hedges?, [0-9]+ used, after \S+",
    "probes": r"probes: 0 succeeded, 0 failed, 0 timed out",
    "quiet_period": r"quiet period: none now, 0 so far",
    "retry_budget": r"retry budget: [0-9]+ left, 0 refused",
    "fallback": r"fallback: [0-9]+ answers? kept, [0-9]+ bytes",
    "coalesce": r"coalescing: 0 shared calls, 0 saved so far",
}


def test_optional_policies_that_are_on_have_a_line_each(lab, page, guarded_page):
    shown = guarded_page.locator("#policies li")
    assert lab.guarded.get("/api/stats")["policies"].keys() == POLICY_LINES.keys()
    expect(shown).to_have_count(len(POLICY_LINES))
    for line in POLICY_LINES.values():
        expect(shown.filter(has_text=re.compile(f"^{line}"))).to_have_count(1)
    expect(page.locator("#policies-part")).to_be_hidden()
    expect(page.locator("#chaos")).to_be_hidden()


def test_fault_injection_has_a_banner_while_it_is_on(lab, guarded_page):
    def inject(share):
        lab.guarded.call("PATCH", "/api/circuit-breaker/settings", {"chaos_delay_rate": share}, lab.token)

    banner = guarded_page.locator("#chaos")
    expect(banner).to_be_hidden()
    inject(0.25)
    try:
        expect(banner).to_be_visible()
        faults = re.compile("0.% fail, 25.0.% are delayed by 1.00.s, 0.% panic; 0 failures, 0 delays, 0 panics so far")
        expect(guarded_page.locator("#chaos-text")).to_have_text(faults)
        expect(guarded_page.locator("#policies li").filter(has_text="fault injection: ")).to_have_text(faults)
    finally:
        inject(0)
    expect(banner).to_be_hidden()
    expect(guarded_page.locator("#policies li")).to_have_count(len(POLICY_LINES))
