"""The backend's fault plan."""

from playwright.sync_api import expect

from resilience_lab.waiting import wait_for


def test_fault_plan(lab, page):
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
    assert wait_for(lambda: rates_in_force(lab) == (0, 0, 0), 5), "the backend is healthy"
    expect(page.get_by_role("button", name="Healthy", exact=True)).to_have_attribute("aria-pressed", "true")
    # By keyboard, several steps at once.
    page.locator("#failure_rate").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert wait_for(lambda: rates_in_force(lab) == (0.04, 0, 0), 5), "four steps reach the backend"
    expect(page.locator("#replicas tr")).to_have_count(1)
    expect(page.locator("#replicas")).to_contain_text("4 %")
    # Failing and late are shares of the same calls.
    page.locator("#slow_response_rate").fill("100")
    assert wait_for(lambda: rates_in_force(lab) == (0, 1, 0), 5), "the other share makes room"
    page.locator("#slow_response_delay").fill("2.5")
    assert wait_for(lambda: lab.backend.get("/api/faults")["slow_response_delay"] == 2.5, 5), (
        "the delay reaches the backend"
    )
    page.locator("#transient_failure_rate").fill("25")
    assert wait_for(lambda: rates_in_force(lab) == (0, 1, 0.25), 5), "the throttling reaches the backend"
    # The page shows changes by others.
    lab.fail(failure_rate=0.77)
    expect(page.locator("#failure_rate")).to_have_value("77", timeout=10_000)


def rates_in_force(lab):
    plan = lab.backend.get("/api/faults")
    return plan["failure_rate"], plan["slow_response_rate"], plan["transient_failure_rate"]
