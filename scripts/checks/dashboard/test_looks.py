"""The layout of the page on narrow and wide screens, the checks of axe, and screenshots."""

import re

import pytest
from playwright.sync_api import expect

from pages import into_state, judge_accessibility

HEIGHTS = {360: 780, 768: 1024, 1280: 800, 1920: 1080}
THEMES = ("light", "dark")


def test_nothing_is_wider_than_the_screen(lab, open_page):
    for width, height in HEIGHTS.items():
        page = open_page(lab.client.url, width, height)
        into_state(lab, page, "half-open")
        needed = page.evaluate("document.documentElement.scrollWidth")
        assert needed <= width, f"at {width} px the page is {needed} px wide"
        page.context.close()


# Lines of text that reach over the padding of their card, rows whose parts overlap, and outcomes that are cut
# off although the page has a word for them.
OUTSIDE = """() => {
  const outside = [];
  for (const card of document.querySelectorAll(".card")) {
    const { left, right } = card.getBoundingClientRect();
    const style = getComputedStyle(card);
    const [low, high] = [left + parseFloat(style.paddingLeft) - 1, right - parseFloat(style.paddingRight) + 1];
    const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode;
      if (!text.data.trim() || text.parentElement.closest(".sr-only, .scroll, option")) continue;
      if (getComputedStyle(text.parentElement).overflowX !== "visible") continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const line of range.getClientRects()) {
        if (line.left < low || line.right > high) outside.push(text.data.trim());
      }
    }
    for (const row of card.querySelectorAll(".rows li")) {
      const [name, bars, end] = [...row.children].map((part) => part.getBoundingClientRect());
      const beside = Math.abs(name.top - bars.top) < name.height;
      if (name.right > (beside ? bars : end).left || (beside && bars.right > end.left)) outside.push(row.innerText);
    }
  }
  const known = ".end:is(.success, .failure, .rejected, .abandoned) b";
  const cut = [...document.querySelectorAll(known)].filter((word) => word.scrollWidth > word.clientWidth);
  return outside.concat(cut.map((word) => word.innerText));
}"""


def test_long_labels_stay_in_their_cards(lab, open_page):
    """With the longest outcomes, and with words that this page does not know yet."""
    lab.client.get("/api/call-backend")
    call = lab.client.events("call")[-1]
    attempt = call["attempts"][-1]
    short = attempt | {"outcome": "local_shortage", "status_code": None, "wait_seconds": 0.1}
    later = attempt | {"attempt": 2, "outcome": "transient", "status_code": 408}
    many = 9_000_000
    told = [
        {"outcome": "abandoned", "status": None, "attempts": [], "elapsed_seconds": 5.01},
        {"outcome": "abandoned", "status": None, "attempts": [], "elapsed_seconds": 0.999, "endpoint": "stress-test"},
        {"outcome": "failure", "status": 502, "attempts": [short, later], "elapsed_seconds": 29.9},
        {"outcome": "evicted_by_a_newer_policy", "status": None, "attempts": [attempt | {"outcome": "newer"}]},
    ]
    events = [call | {"sequence": many + n, "call": many + n} | one for n, one in enumerate(told)]
    for width, height in HEIGHTS.items():
        page = open_page(lab.client.url, width, height)
        page.route("**/api/events/history?limit=1000", lambda route: route.fulfill(json={"events": events}))
        page.reload()
        rows = page.locator("#waterfall li")
        expect(rows).to_have_count(len(events))
        outside = page.evaluate(OUTSIDE)
        assert not outside, f"at {width} px, out of place: {outside}"
        expect(rows.first).to_contain_text("evicted by a newer policy")
        expect(page.locator("#side-resilient [data-field=parts]")).to_contain_text("1 other")
        attempts = rows.nth(1).locator(".attempt")
        expect(attempts.first).to_have_attribute("title", re.compile("local shortage"))
        expect(attempts.last).to_have_attribute("title", re.compile("408 transient"))
        expect(rows.nth(1).locator(".attempt.neutral")).to_have_count(2)
        expect(rows.first.locator(".attempt.unknown")).to_have_count(1)
        page.context.close()


def test_axe_finds_no_serious_violation(lab, open_page, note):
    minor = set()
    for theme in THEMES:
        for width in (360, 1280):
            page = open_page(lab.client.url, width, HEIGHTS[width], theme)
            # A call in each list, a message of each kind.
            page.get_by_role("button", name="Call the backend").click()
            expect(page.locator("#call-result")).to_contain_text("200")
            page.get_by_label("call", exact=True).check()
            for state in ("closed", "open", "half-open"):
                into_state(lab, page, state)
                minor |= judge_accessibility(page, f"{state}, {width} px, {theme}")
            page.context.close()
    note(f"minor findings: {', '.join(sorted(minor)) or 'none'}")


@pytest.mark.console("net::ERR_")
def test_screenshots(request, lab, open_page):
    """Writes screenshots of every state, on all screens, with data in each view."""
    directory = request.config.getoption("screenshots")
    if directory is None:
        pytest.skip("no --screenshots")
    for width in (360, 1280, 1920):
        for theme in THEMES:
            page = open_page(lab.client.url, width, HEIGHTS[width], theme)
            lab.fail(failure_rate=0.3, slow_response_rate=0.1, slow_response_delay=0.3, transient_failure_rate=0.5)
            page.locator("#steady-rate").fill("10")
            page.locator("#steady").click()
            page.wait_for_timeout(4000)
            page.locator("#steady").click()
            page.wait_for_timeout(2000)
            # A header that stays is where the screen is.
            page.evaluate("scrollTo(0, 0)")
            for state in ("closed", "open", "half-open"):
                into_state(lab, page, state)
                page.screenshot(path=f"{directory}/{state}-{width}-{theme}.png", full_page=True)
            if theme == "light":
                lab.client.kill()
                expect(page.locator("#banner")).to_be_visible()
                page.wait_for_timeout(3000)
                page.screenshot(path=f"{directory}/lost-{width}-{theme}.png", full_page=True)
                lab.client.start()
            lab.fail()
            page.context.close()
