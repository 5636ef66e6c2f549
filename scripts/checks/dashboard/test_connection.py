"""The page without its server."""

import time

import pytest
from playwright.sync_api import expect

from pages import assert_state_changes_appear


@pytest.mark.console("net::ERR_")
def test_lost_connection_is_restored(lab, page, note):
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
    assert_state_changes_appear(lab, page)
    note(f"back {back:.1f} s after the start of a new process")


def test_hanging_server_is_detected(lab, page):
    """The connection stays open, so the page must detect the silence."""
    lab.client.pause()
    try:
        expect(page.locator("#banner")).to_be_visible(timeout=20_000)
    finally:
        lab.client.resume()
    expect(page.locator("#connection")).to_have_text("live", timeout=10_000)
    lab.client.open()
    expect(page.locator("#state")).to_have_text("open")


def test_reader_past_the_limit_waits(lab, guarded_page):
    """The guarded client takes one reader only. The second page waits until the first is closed."""
    second = guarded_page.context.new_page()
    second.goto(lab.guarded.url)
    expect(second.locator("#banner")).to_be_visible()
    guarded_page.close()
    expect(second.locator("#connection")).to_have_text("live", timeout=10_000)
