"""The event log, the theme, the keyboard, and a reload."""

from playwright.sync_api import expect

from pages import containing


def test_event_log(lab, page):
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


def test_theme(lab, page):
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


def test_keyboard(lab, page):
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


def test_history_survives_a_reload(lab, page):
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")
    page.reload()
    expect(page.locator("#state")).to_have_text("open")
    expect(page.locator("#log .transition.to-open")).not_to_have_count(0)
    expect(page.locator("#timeline")).to_have_attribute("aria-label", containing("abandoned. Baseline"))
    expect(page.locator("#waterfall li")).not_to_have_count(0)
