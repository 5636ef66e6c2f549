"""The lab, the browser, and its pages. A test fails if a page writes an unexpected error to the console."""

from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from harness.processes import Processes
from lab import Lab
from resilience_lab.waiting import wait_for

# The browser itself logs each answer with status 500 to 509.
ALWAYS_EXPECTED = "Failed to load resource: the server responded with a status of 50"


# True once the page has had its first answers: the counters, the history and the fault plan. A list has only its rows,
# and an upstream of a file has no fault plan.
LOADED = """() => {
  const wanted = { list: ["api/upstreams"], one: ["limit=1000"] }[document.body.dataset.view];
  return (wanted ?? ["api/stats", "limit=1000", "api/backend/faults"]).every((part) =>
    performance.getEntriesByType("resource").some(({ name }) => name.includes(part)));
}"""


def pytest_addoption(parser):
    parser.addoption("--bin-dir", type=Path, required=True)
    parser.addoption("--chromium", required=True)
    parser.addoption("--screenshots", type=Path)


def pytest_configure(config):
    # The default of 5 s is too short for a busy machine. What has to be fast has a timeout of its own.
    expect.set_options(timeout=15_000)
    config.addinivalue_line("markers", "console(text): the console may contain this text")


@pytest.fixture(scope="session")
def running_lab(request, tmp_path_factory):
    with Processes(tmp_path_factory.mktemp("logs")) as processes:
        yield Lab(processes, request.config.getoption("bin_dir"), tmp_path_factory.mktemp("upstreams"))


@pytest.fixture
def lab(running_lab):
    """With a healthy backend and a closed circuit."""
    running_lab.fail()
    running_lab.client.reset()
    running_lab.gateway.reset_all()
    return running_lab


@pytest.fixture(scope="session")
def browser(request):
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, and not in most containers.
        browser = playwright.chromium.launch(
            executable_path=request.config.getoption("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(request, lab, browser):
    """Opens a page of the dashboard that receives events."""
    expected = [ALWAYS_EXPECTED, *(mark.args[0] for mark in request.node.iter_markers("console"))]
    errors, contexts = [], []

    def on_console(message):
        if message.type in ("error", "warning") and not any(text in message.text for text in expected):
            errors.append(message.text)

    def open_page(url=lab.client.url, width=1280, height=800, theme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
        page.goto(url)
        expect(page.locator("#connection")).to_have_text("live")
        # The first answers move elements: a click in that moment would miss its button.
        assert wait_for(lambda: page.evaluate(LOADED), 30)
        return page

    yield open_page
    # Before the pages are closed: that aborts their requests.
    found = list(errors)
    for context in contexts:
        context.close()
    assert not found, "errors in the console"


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture
def guarded_page(open_page, lab):
    return open_page(lab.guarded.url)


@pytest.fixture
def note(request, capsys):
    """Prints a line beside the results."""

    def print_note(text):
        with capsys.disabled():
            print(f"\n{request.node.name}: {text}")

    return print_note
