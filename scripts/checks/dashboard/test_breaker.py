"""The circuit: its state, its controls, and what guards them."""

import pytest
from playwright.sync_api import expect

from pages import assert_state_changes_appear, use_controls


def test_state_changes_appear_within_half_a_second(lab, page, note):
    note(assert_state_changes_appear(lab, page))


def test_states_differ_in_shape_and_not_only_in_colour(lab, page):
    shapes = {}
    for state, bring_about in (("closed", lab.client.reset), ("open", lab.client.open)):
        bring_about()
        expect(page.locator("#state")).to_have_text(state)
        shapes[state] = page.locator(".light .shape:visible").get_attribute("class")
        expect(page.locator("#pill-state")).to_have_text(state)
        expect(page.locator("#announcement")).to_contain_text(f"Circuit {state}", timeout=4000)
    assert len(set(shapes.values())) == 2, shapes


def test_breaker_controls(lab, page):
    for mode in use_controls(page, lab.client.breaker):
        if mode == "forced-open":
            # No timer runs.
            expect(page.locator("#countdown")).to_have_text("")
    expect(page.locator("#log li.mode")).not_to_have_count(0)


def test_rates_with_their_thresholds(lab, guarded_page):
    """Only a client whose circuit opens by a rate shows rates."""
    rates = guarded_page.locator("#rates li")
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
    guarded_page.goto(lab.client.url)
    expect(guarded_page.locator("#streak")).to_have_text("0 of 5 failures in a row")
    expect(guarded_page.locator("#rates")).to_be_hidden()


@pytest.mark.console("status of 401")
def test_admin_token(lab, guarded_page):
    sent = []
    guarded_page.on("request", lambda request: sent.append((request.method, request.headers.get("authorization"))))
    guarded_page.get_by_role("button", name="Reset", exact=True).click()
    expect(guarded_page.locator("#breaker-result")).to_contain_text("401")
    expect(guarded_page.get_by_label("Admin token")).to_have_attribute("aria-invalid", "true")
    guarded_page.get_by_role("button", name="Slow", exact=True).click()
    expect(guarded_page.locator("#faults-result")).to_contain_text("401")
    guarded_page.locator("#stress-run").click()
    expect(guarded_page.locator("#stress-result")).to_contain_text("401")
    guarded_page.get_by_label("Admin token").fill("wrong")
    guarded_page.get_by_role("button", name="Reset", exact=True).click()
    expect(guarded_page.locator("#token-note")).to_contain_text("does not accept this token")
    guarded_page.get_by_label("Admin token").fill(lab.token)
    guarded_page.get_by_role("button", name="Force open").click()
    expect(guarded_page.locator("#mode")).to_have_text("forced open by hand")
    expect(guarded_page.get_by_label("Admin token")).not_to_have_attribute("aria-invalid", "true")
    # The page keeps the token in memory only, and sends it only with requests that change something.
    stored = guarded_page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
    )
    assert lab.token not in stored, stored
    assert all(token is None for method, token in sent if method == "GET"), "a GET carries the token"
    assert ("POST", f"Bearer {lab.token}") in sent
    guarded_page.reload()
    expect(guarded_page.get_by_label("Admin token")).to_have_value("")
