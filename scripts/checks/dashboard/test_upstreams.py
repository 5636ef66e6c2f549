"""Several upstreams: the list, and the view of one."""

import pytest
from playwright.sync_api import expect

from lab import RESET_TIMEOUT
from pages import WATCH, judge_accessibility, judge_delays, use_controls

LATER = (RESET_TIMEOUT + 2) * 1000


def row(page, name):
    return page.locator("#upstreams tr", has=page.get_by_role("link", name=name, exact=True))


def badge(name):
    return f"#upstreams tr:has(a[href='#{name}']) .badge"


@pytest.fixture
def overview(open_page, lab):
    page = open_page(lab.gateway.url)
    expect(page.locator("#upstreams tr")).to_have_count(3)
    return page


def test_list_has_all_upstreams_with_states_and_counts(lab, overview):
    before = lab.gateway.upstream("payments")["calls"]
    lab.gateway.pass_on("payments", 3)
    lab.fail(failure_rate=1)
    lab.gateway.pass_on("payments", 1)
    cells = row(overview, "payments")
    expect(cells.locator(".all")).to_have_text(str(before["total_requests"] + 4))
    expect(cells.locator(".failed")).to_have_text(str(before["failed_requests"] + 1))
    expect(cells.locator(".url")).to_have_text(lab.backend.url)
    expect(cells.locator(".badge")).to_have_text("closed")
    lab.gateway.call("POST", "/api/upstreams/mail/force-open")
    expect(row(overview, "mail").locator(".badge")).to_have_text("open")
    expect(row(overview, "mail").locator(".mode")).to_have_text("forced open by hand")
    # What is not closed comes first.
    expect(overview.locator("#upstreams tr").first).to_contain_text("mail")
    expect(overview.locator("#upstreams-note")).to_have_text("1 open, 2 closed")
    expect(overview.locator("#announcement")).to_contain_text("mail: circuit open", timeout=4000)
    for hidden in (".lamp", ".controls", ".log", ".state-pill"):
        expect(overview.locator(hidden)).to_be_hidden()


def test_state_changes_appear_in_the_list_and_in_the_view_within_half_a_second(lab, overview, note):
    for selector in (badge("payments"), "#state"):
        if selector == "#state":
            row(overview, "payments").click()
        lab.fail()
        lab.gateway.reset_all()
        expect(overview.locator(selector)).to_have_text("closed")
        overview.evaluate(WATCH, selector)
        lab.fail(failure_rate=1)
        lab.gateway.pass_on("payments", 5)
        expect(overview.locator(selector)).to_have_text("open")
        # The timer alone half-opens the circuit.
        expect(overview.locator(selector)).to_have_text("half-open", timeout=LATER)
        lab.fail()
        lab.gateway.pass_on("payments")
        expect(overview.locator(selector)).to_have_text("closed")
        history = lab.gateway.get("/api/events/history?type=transition&upstream=payments")["events"]
        note(f"{selector}: {judge_delays(overview, history)}")


def test_click_shows_one_upstream_and_its_calls(lab, overview):
    row(overview, "payments").click()
    expect(overview).to_have_url(f"{lab.gateway.url}/#payments")
    expect(overview.locator("#one-name")).to_be_focused()
    expect(overview.locator("#one-name")).to_have_text("payments")
    expect(overview.locator("#state")).to_have_text("closed")
    expect(overview.locator("#meaning")).to_have_text("Calls reach payments.")
    expect(overview.locator("#policies")).to_contain_text("concurrency limit: 0 of 7 in flight")
    before = lab.gateway.upstream("payments")["calls"]["total_requests"]
    lab.gateway.pass_on("payments", 2)
    lab.gateway.pass_on("mail")
    lab.gateway.get("/api/call-backend")
    expect(overview.locator("#counters .total_requests td").first).to_have_text(str(before + 2))
    overview.get_by_label("call", exact=True).check()
    calls = lab.gateway.get("/api/events/history?type=call&upstream=payments&limit=1000")["events"]
    expect(overview.locator("#log .call")).to_have_count(len(calls))
    expect(overview.locator("#waterfall li")).not_to_have_count(0)
    # What the lab's backend alone has.
    for hidden in ("#call", "#steady", "#stress", ".faults", "#side-baseline", "#waiting"):
        expect(overview.locator(hidden)).to_be_hidden()

    overview.get_by_role("link", name="All upstreams").click()
    expect(overview.locator("#upstreams-title")).to_be_focused()
    expect(overview.locator(".lamp")).to_be_hidden()
    row(overview, "backend (lab)").click()
    expect(overview.locator("#meaning")).to_have_text("Calls reach the backend.")
    expect(overview.locator("#replicas tr")).to_have_count(1)
    overview.get_by_role("button", name="Call the backend").click()
    expect(overview.locator("#call-result")).to_contain_text("200")
    overview.go_back()
    expect(overview.locator("#upstreams tr")).to_have_count(3)


def test_controls_are_those_of_the_upstream(lab, open_page):
    page = open_page(f"{lab.gateway.url}/#payments")
    for _ in use_controls(page, lambda: lab.gateway.upstream("payments")):
        assert lab.gateway.upstream("mail")["mode"] == lab.gateway.breaker()["mode"] == "auto"


def test_address_of_an_unknown_upstream_shows_the_list(lab, open_page):
    page = open_page(f"{lab.gateway.url}/#re%turns")
    expect(page.locator("#upstreams tr")).to_have_count(3)
    page.goto(f"{lab.gateway.url}/#returns")
    expect(page.locator("#missing")).to_have_text("There is no upstream “returns”.")
    page.goto(f"{lab.gateway.url}/#mail")
    expect(page.locator("#one-name")).to_have_text("mail")


@pytest.mark.console("status of 404")
def test_upstreams_that_come_and_go(lab, open_page):
    """The page knows only what the server says."""
    page = open_page(f"{lab.gateway.url}/#payments")
    known = lab.gateway.get("/api/upstreams")["upstreams"]
    others = [upstream for upstream in known if upstream["name"] != "payments"]
    added = known[-1] | {"name": "returns", "state": "half-open"}
    added["endpoints"] = [{"address": "10.0.0.1:80", "ejected": True}, {"address": "10.0.0.2:80", "ejected": False}]
    page.route("**/api/upstreams", lambda route: route.fulfill(json={"upstreams": [*others, added]}))
    gone = {"error": "Not Found", "message": "no upstream has this name"}
    page.route("**/api/upstreams/payments", lambda route: route.fulfill(status=404, json=gone))
    expect(page.locator("#missing")).to_have_text("There is no upstream “payments”.")
    expect(page.locator("#upstreams tr")).to_have_count(3)
    expect(row(page, "returns").locator(".badge")).to_have_text("half-open")
    expect(row(page, "returns").locator(".ejected")).to_have_text("1 of 2 endpoints ejected")


@pytest.mark.console("net::ERR_")
def test_list_reconnects(lab, overview):
    lab.gateway.kill()
    expect(overview.locator("#banner")).to_be_visible()
    lab.gateway.start()
    expect(overview.locator("#connection")).to_have_text("live", timeout=10_000)
    lab.gateway.call("POST", "/api/upstreams/mail/force-open")
    expect(row(overview, "mail").locator(".badge")).to_have_text("open")


def test_list_by_keyboard(lab, overview):
    overview.locator("body").focus()
    for _ in range(6):
        overview.keyboard.press("Tab")
        if overview.evaluate("document.activeElement.hash") == "#payments":
            break
    # The focus stays when the order changes.
    lab.gateway.call("POST", "/api/upstreams/payments/force-open")
    expect(overview.locator("#upstreams tr").first).to_contain_text("payments")
    expect(overview.get_by_role("link", name="payments", exact=True)).to_be_focused()
    overview.keyboard.press("Enter")
    expect(overview.locator("#one-name")).to_have_text("payments")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_list_and_view_fit_and_axe_finds_nothing_serious(request, lab, open_page, theme, width):
    directory = request.config.getoption("screenshots")
    lab.gateway.call("POST", "/api/upstreams/mail/force-open")
    lab.fail(failure_rate=1)
    lab.gateway.pass_on("payments", 5)
    for view, address in (("list", ""), ("payments", "#payments"), ("backend", "#backend%20(lab)")):
        page = open_page(f"{lab.gateway.url}/{address}", width, 1000, theme)
        page.wait_for_timeout(1200)
        needed = page.evaluate("document.documentElement.scrollWidth")
        assert needed <= width, f"{view} is {needed} px wide at {width} px"
        judge_accessibility(page, view)
        if directory:
            page.screenshot(path=f"{directory}/upstreams-{view}-{width}-{theme}.png", full_page=True)
        page.context.close()
