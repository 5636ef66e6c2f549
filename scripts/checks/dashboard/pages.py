"""Helpers of the tests: states of the circuit, and when the page shows them."""

import re
from datetime import datetime

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from lab import RESET_TIMEOUT
from resilience_lab.waiting import wait_for

# Maximum time from an event to the frame that shows it.
LIMIT_MS = 500

# Records the time after the frame that paints a state.
WATCH = """(selector) => {
  const state = document.querySelector(selector);
  window.seen = [];
  new MutationObserver(() => {
    const text = state.textContent;
    requestAnimationFrame(() => setTimeout(() => window.seen.push([text, Date.now()])));
  }).observe(state, { childList: true, characterData: true, subtree: true });
}"""


def assert_state_changes_appear(lab, page):
    """Opens and closes the circuit. Returns the delay of each state, as text."""
    page.evaluate(WATCH, "#state")
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")
    expect(page.locator("#countdown")).to_contain_text("half-open in")
    # The timer alone half-opens the circuit.
    expect(page.locator("#state")).to_have_text("half-open", timeout=(RESET_TIMEOUT + 2) * 1000)
    lab.client.get("/api/call-backend")
    expect(page.locator("#state")).to_have_text("closed")
    return judge_delays(page, lab.client.events("transition"))


def judge_delays(page, transitions):
    """Fails if one of three states appeared too late. Returns the delay of each state, as text."""
    # The frame that paints it comes later on a busy machine. Not `wait_for_function`, which the page's policy forbids.
    wait_for(lambda: page.evaluate("window.seen.length >= 3"), 5)
    seen = page.evaluate("window.seen")
    told = [(event["to"], milliseconds(event["time"])) for event in transitions][-3:]
    assert [state for state, _ in seen] == [state for state, _ in told] == ["open", "half-open", "closed"], (seen, told)
    delays = {state: at - event for (state, at), (_, event) in zip(seen, told, strict=True)}
    # The events' times are cut to milliseconds, as the page's are.
    assert all(-1 <= delay <= LIMIT_MS for delay in delays.values()), delays
    return ", ".join(f"{state} after {delay:.0f} ms" for state, delay in delays.items())


def milliseconds(time_text):
    return datetime.fromisoformat(time_text.replace("Z", "+00:00")).timestamp() * 1000


def containing(text):
    return re.compile(re.escape(text))


def into_state(lab, page, state):
    """Brings the circuit into a state, and waits until the page shows it."""
    lab.client.reset()
    if state != "closed":
        lab.client.open()
    # Without calls there is no trial, so the circuit stays half-open.
    expect(page.locator("#state")).to_have_text(state, timeout=(RESET_TIMEOUT + 2) * 1000)
    # Colours change smoothly.
    page.wait_for_timeout(500)


def use_controls(page, breaker):
    """Clicks the controls of a circuit, and compares what the page shows with `breaker()`. Yields each mode."""
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
        now = breaker()
        assert (now["mode"], now["state"]) == (mode, state), now
        yield mode


def judge_accessibility(page, where):
    """Fails with what axe finds serious or critical; returns the names of its minor findings."""
    # Elements that pass are not listed: that halves the time.
    findings = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    grave = [
        f"{finding['id']} ({finding['impact']}): {node['html'][:120]}: {' '.join(node['failureSummary'].split())}"
        for finding in findings
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]
    assert not grave, f"{where}:\n  " + "\n  ".join(grave)
    return {finding["id"] for finding in findings}
