"""What users do with the dashboard, and what must come of it on the page and in the service.

Each situation gets the lab (its circuit closed, its backend healthy) and a page that is live."""

import re
import time
from datetime import datetime

from lab import RESET_TIMEOUT, wait_until
from playwright.sync_api import expect

# Of the time at which an event happened, to the frame that shows it.
LIMIT_MS = 500

# Notes when each state was on the screen: after the frame that paints it.
WATCH = """() => {
  const state = document.getElementById("state");
  window.seen = [];
  new MutationObserver(() => {
    const text = state.textContent;
    requestAnimationFrame(() => setTimeout(() => window.seen.push([text, Date.now()])));
  }).observe(state, { childList: true, characterData: true, subtree: true });
}"""


def state_changes_appear_within_half_a_second(lab, page):
    page.evaluate(WATCH)
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")
    expect(page.locator("#countdown")).to_contain_text("half-open in")
    # By its timer alone.
    expect(page.locator("#state")).to_have_text("half-open", timeout=(RESET_TIMEOUT + 2) * 1000)
    lab.client.get("/api/call-backend")
    expect(page.locator("#state")).to_have_text("closed")
    page.wait_for_timeout(100)
    seen = page.evaluate("window.seen")
    told = [(event["to"], milliseconds(event["time"])) for event in lab.client.events("transition")][-3:]
    assert [state for state, _ in seen] == [state for state, _ in told] == ["open", "half-open", "closed"], (seen, told)
    delays = {state: at - event for (state, at), (_, event) in zip(seen, told, strict=True)}
    # The events' times are cut to milliseconds, as the page's are.
    assert all(-1 <= delay <= LIMIT_MS for delay in delays.values()), delays
    return ", ".join(f"{state} after {delay:.0f} ms" for state, delay in delays.items())


def milliseconds(time_text):
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1000


def a_state_is_more_than_a_colour(lab, page):
    shapes = {}
    for state, bring_about in (("closed", lab.client.reset), ("open", lab.client.open)):
        bring_about()
        expect(page.locator("#state")).to_have_text(state)
        shapes[state] = page.locator(".light .shape:visible").get_attribute("class")
        expect(page.locator("#pill-state")).to_have_text(state)
        expect(page.locator("#announcement")).to_contain_text(f"Circuit {state}", timeout=4000)
    assert len(set(shapes.values())) == 2, shapes


def single_calls(lab, page):
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


def containing(text):
    return re.compile(re.escape(text))


def a_call_that_fails_says_why(lab, page):
    lab.client.call("POST", "/api/circuit-breaker/force-open")
    page.get_by_role("button", name="Call the backend").click()
    expect(page.locator("#call-result")).to_contain_text("503")
    expect(page.locator("#call-result")).to_have_class(containing("wrong"))
    expect(page.locator("#waterfall li").first).to_contain_text("refused at once")
    expect(page.locator("tr.rejected_requests td").first).to_have_text(str(lab.client.stats()["rejected_requests"]))
    lab.client.reset()


def calls_whose_callers_leave(lab, page):
    for _ in range(2):
        lab.client.get("/api/call-backend")
    lab.fail(sequence=["hang", "hang", "hang"])
    for _ in range(3):
        lab.client.leave("/api/call-backend", 0.3)
    rows = page.locator("#waterfall li").filter(has_text="abandoned")
    expect(rows).not_to_have_count(0)
    expect(rows.first).to_contain_text("its caller left")
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


# How much of a bar each of its parts takes.
SHARES = """(bar) => {
  const width = (element) => element.getBoundingClientRect().width;
  return Object.fromEntries([...bar.children].map((part) => [part.className, width(part) / width(bar)]));
}"""


def stress_test(lab, page):
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


def the_breaker_by_hand(lab, page):
    steps = [
        ("Force open", "forced-open", "open", "forced open by hand"),
        ("Disable", "disabled", "closed", "disabled by hand"),
        ("Enable", "auto", "closed", ""),
        ("Force open", "forced-open", "open", "forced open by hand"),
        ("Reset", "auto", "closed", ""),
    ]
    for button, mode, state, shown in steps:
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator("#state")).to_have_text(state)
        expect(page.locator("#mode")).to_have_text(shown)
        breaker = lab.client.breaker()
        assert (breaker["mode"], breaker["state"]) == (mode, state), breaker
        if mode == "forced-open":
            # No timer runs.
            expect(page.locator("#countdown")).to_have_text("")
    expect(page.locator("#log li.mode")).not_to_have_count(0)


def the_backends_faults(lab, page):
    presets = {
        "Healthy": (0, 0, 0),
        "Lab defaults": (0.3, 0.2, 0.6),
        "Failing": (1, 0, 1),
        "Slow": (0, 1, 0.6),
    }
    for name, rates in presets.items():
        button = page.get_by_role("button", name=name, exact=True)
        button.click()
        expect(page.locator("#faults-result")).to_have_text("In force on 1 replica.")
        expect(button).to_have_attribute("aria-pressed", "true")
        assert rates_in_force(lab) == rates, name
    page.get_by_role("button", name="Healthy", exact=True).click()
    wait_until(lambda: rates_in_force(lab) == (0, 0, 0), "the backend is healthy")
    expect(page.get_by_role("button", name="Healthy", exact=True)).to_have_attribute("aria-pressed", "true")
    # By keyboard, several steps at once.
    page.locator("#failure_rate").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    wait_until(lambda: rates_in_force(lab) == (0.04, 0, 0), "four steps reach the backend")
    expect(page.locator("#replicas tr")).to_have_count(1)
    expect(page.locator("#replicas")).to_contain_text("4 %")
    # Failing and late are shares of the same calls.
    page.locator("#slow_response_rate").fill("100")
    wait_until(lambda: rates_in_force(lab) == (0, 1, 0), "the other share makes room")
    page.locator("#slow_response_delay").fill("2.5")
    wait_until(lambda: lab.backend.get("/api/faults")["slow_response_delay"] == 2.5, "the delay reaches the backend")
    page.locator("#transient_failure_rate").fill("25")
    wait_until(lambda: rates_in_force(lab) == (0, 1, 0.25), "the throttling reaches the backend")
    # What somebody else changes is seen.
    lab.fail(failure_rate=0.77)
    expect(page.locator("#failure_rate")).to_have_value("77", timeout=10_000)


def rates_in_force(lab):
    plan = lab.backend.get("/api/faults")
    return plan["failure_rate"], plan["slow_response_rate"], plan["transient_failure_rate"]


def steady_traffic(lab, page):
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

    wait_until(lambda: calls() >= 10, "ten calls of each kind")
    # A backend that hangs must block neither the page nor its controls.
    lab.fail(sequence=["hang"], repeat=True)
    wait_until(lambda: lab.client.breaker()["state"] == "open", "hanging calls open the circuit", 20)
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


def the_event_log(lab, page):
    log = page.locator("#log")
    lab.client.open()
    expect(log.locator(".transition")).not_to_have_count(0)
    page.get_by_label("transition", exact=True).uncheck()
    expect(log.locator(".transition")).to_have_count(0)
    page.get_by_label("call", exact=True).check()
    expect(log.locator(".call")).not_to_have_count(0)
    page.get_by_label("transition", exact=True).check()
    expect(log.locator(".transition")).not_to_have_count(0)
    # Still while it is paused.
    page.get_by_role("button", name="Pause").click()
    shown = log.inner_text()
    lab.client.reset()
    expect(page.locator("#pause")).to_contain_text("new")
    assert log.inner_text() == shown
    page.locator("#pause").click()
    expect(log.locator("li").first).to_contain_text("reset")
    expect(page.locator("#pause")).to_have_text("Pause")


def the_theme(lab, page):
    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_label("Colours").select_option("Light")
    light = background()
    page.get_by_label("Colours").select_option("Dark")
    assert background() != light
    page.reload()
    expect(page.locator("#connection")).to_have_text("live")
    assert background() != light, "the choice is forgotten"
    page.get_by_label("Colours").select_option("Auto")


def with_the_keyboard(lab, page):
    page.evaluate("scrollTo(0, 0)")
    page.locator("body").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "the focus cannot be seen"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#call")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#call-result")).to_contain_text("200")


def the_past_is_there_after_a_reload(lab, page):
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")
    page.reload()
    expect(page.locator("#state")).to_have_text("open")
    expect(page.locator("#log .transition.to-open")).not_to_have_count(0)
    expect(page.locator("#timeline")).to_have_attribute("aria-label", containing("abandoned. Baseline"))
    expect(page.locator("#waterfall li")).not_to_have_count(0)


def admin_token(lab, page):
    """On the page of the client that has one."""
    sent = []
    page.on("request", lambda request: sent.append((request.method, request.headers.get("authorization"))))
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator("#breaker-result")).to_contain_text("401")
    expect(page.get_by_label("Admin token")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Slow", exact=True).click()
    expect(page.locator("#faults-result")).to_contain_text("401")
    page.locator("#stress-run").click()
    expect(page.locator("#stress-result")).to_contain_text("401")
    page.get_by_label("Admin token").fill("wrong")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator("#token-note")).to_contain_text("does not accept this token")
    page.get_by_label("Admin token").fill(lab.token)
    page.get_by_role("button", name="Force open").click()
    expect(page.locator("#mode")).to_have_text("forced open by hand")
    expect(page.get_by_label("Admin token")).not_to_have_attribute("aria-invalid", "true")
    # Kept in memory only, and sent only with what changes something.
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    assert lab.token not in stored, stored
    assert all(token is None for method, token in sent if method == "GET"), "a GET carries the token"
    assert ("POST", f"Bearer {lab.token}") in sent
    page.reload()
    expect(page.get_by_label("Admin token")).to_have_value("")


def rates_with_their_thresholds(lab, page):
    """On the page of the client whose circuit rates can open; no other page has any."""
    rates = page.locator("#rates li")
    thresholds = (", opens at 50.0\u00a0%", ", opens at 30.0\u00a0%")
    expect(rates).to_have_text(
        [f"failed: \u2013{thresholds[0]}", f"over 500\u00a0ms: \u2013{thresholds[1]}", "0 of at least 4 calls"]
    )
    # The last call fails with all its attempts.
    lab.fail(sequence=["ok"] * 3 + ["fail"] * 4)
    for _ in range(4):
        lab.guarded.get("/api/call-backend")
    expect(rates).to_have_text(
        [f"failed: 25.0\u00a0%{thresholds[0]}", f"over 500\u00a0ms: 0\u00a0%{thresholds[1]}", "4 calls"]
    )
    page.goto(lab.client.url)
    expect(page.locator("#streak")).to_have_text("0 of 5 failures in a row")
    expect(page.locator("#rates")).to_be_hidden()


def connection_lost_and_back(lab, page):
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")
    lab.client.kill()
    expect(page.locator("#banner")).to_be_visible(timeout=2000)
    expect(page.locator("#connection")).to_have_text("lost")
    expect(page.locator("#announcement")).to_contain_text("Connection lost", timeout=4000)
    page.wait_for_timeout(2500)
    expect(page.locator("#banner-text")).to_contain_text("s old")
    # A new process: its events begin again at 1, and its circuit is closed.
    begin = time.monotonic()
    lab.client.start()
    expect(page.locator("#connection")).to_have_text("live", timeout=10_000)
    back = time.monotonic() - begin
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#state")).to_have_text("closed")
    expect(page.locator("#announcement")).to_contain_text("Connected again", timeout=4000)
    state_changes_appear_within_half_a_second(lab, page)
    return f"back {back:.1f} s after the start of a new process"


def a_server_that_hangs(lab, page):
    """No connection breaks: the page has to find out."""
    lab.client.pause()
    try:
        expect(page.locator("#banner")).to_be_visible(timeout=20_000)
    finally:
        lab.client.resume()
    expect(page.locator("#connection")).to_have_text("live", timeout=10_000)
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")


def one_reader_too_many(lab, page):
    """On the page of the client that takes one reader only: the second waits for its turn."""
    second = page.context.new_page()
    second.goto(lab.guarded.url)
    expect(second.locator("#banner")).to_be_visible()
    page.close()
    expect(second.locator("#connection")).to_have_text("live", timeout=10_000)


ALL = [
    state_changes_appear_within_half_a_second,
    a_state_is_more_than_a_colour,
    single_calls,
    a_call_that_fails_says_why,
    calls_whose_callers_leave,
    stress_test,
    the_breaker_by_hand,
    the_backends_faults,
    steady_traffic,
    the_event_log,
    the_theme,
    with_the_keyboard,
    the_past_is_there_after_a_reload,
    a_server_that_hangs,
]
