"""The page `/docs` of both services: it shows all of openapi.json, and asks no other host."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect


@pytest.fixture
def visit(lab, browser):
    """Opens the page of a service. Returns it, and the hosts of all its requests."""
    contexts, errors = [], []

    def visit(service):
        context = browser.new_context()
        contexts.append(context)
        page, hosts = context.new_page(), set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
        page.goto(service.url + "/docs")
        return page, hosts

    yield visit
    for context in contexts:
        context.close()
    assert not errors, "messages in the console"


@pytest.mark.parametrize("name", ["client", "backend"])
def test_each_operation_is_shown_without_a_request_to_another_host(lab, visit, name):
    service = getattr(lab, name)
    page, hosts = visit(service)
    paths = service.get("/openapi.json")["paths"]
    operations = [(method, path, about) for path, item in paths.items() for method, about in item.items()]
    shown = page.locator("#operations > details.operation")
    expect(shown).to_have_count(len(operations))
    assert len(operations) > 5
    for method, path, about in operations:
        operation = page.locator(f'details[data-words^="{method} {path} "]')
        operation.locator("summary").first.click()
        expect(operation.locator(".method").first).to_have_text(method.upper())
        expect(operation.locator(".path").first).to_have_text(path)
        # One term for each status below the last title.
        statuses = operation.locator("h2", has_text="Answers").locator("+ dl > dt")
        expect(statuses).to_have_text(list(about["responses"]))
    assert hosts == {urlsplit(service.url).netloc}


def test_the_filter_leaves_what_fits(lab, visit):
    page, _ = visit(lab.client)
    shown = page.locator("#operations > details.operation:visible")
    expect(shown).not_to_have_count(0)
    page.get_by_label("Filter").fill("/UPSTREAMS/")
    expect(shown.first).to_contain_text("/upstreams/")
    for line in shown.all_inner_texts():
        assert "/upstreams/" in line.lower()
    page.get_by_label("Filter").fill("no such word")
    expect(shown).to_have_count(0)
