"""Drives the dashboard in a headless Chromium. Started by scripts/check-dashboard.sh, which see."""

import argparse
import sys
import time
import traceback

import looks
import situations
from lab import Lab
from playwright.sync_api import expect, sync_playwright


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin-dir", required=True)
    parser.add_argument("--chromium", required=True)
    parser.add_argument("--logs", required=True)
    parser.add_argument("--ports", required=True, nargs=3, type=int)
    parser.add_argument("--screenshots")
    return parser.parse_args()


class Pages:
    """Opens pages, and hears all that they complain about."""

    def __init__(self, browser):
        self.browser = browser
        self.complaints = []
        # A server that is down, or says 503 or 401: the browser itself says so in the console.
        self.expected = []

    def open(self, url, width=1280, height=800, theme="light"):
        context = self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.goto(url)
        expect(page.locator("#connection")).to_have_text("live")
        return page

    def _console(self, message):
        if message.type not in ("error", "warning"):
            return
        if not any(text in message.text for text in self.expected):
            self.complaints.append(f"console: {message.text}")

    def judge(self):
        complaints, self.complaints = self.complaints, []
        assert not complaints, "\n  ".join(["the console has", *complaints])


class Run:
    """Runs checks, each from the same beginning, and says what became of them."""

    def __init__(self, lab, pages):
        self.lab = lab
        self.pages = pages
        self.failures = 0

    def check(self, situation, work, expected=()):
        begin = time.monotonic()
        name = situation.__name__.replace("_", " ")
        self.pages.expected = ["Failed to load resource: the server responded with a status of 50", *expected]
        self.lab.fail()
        self.lab.client.reset()
        try:
            note = work()
            self.pages.judge()
            print(f"ok: {name} ({time.monotonic() - begin:.1f} s){': ' + note if note else ''}", flush=True)
        except Exception as error:
            self.failures += 1
            print(f"FAILED: {name}: {error}", flush=True)
            if not isinstance(error, AssertionError):
                traceback.print_exc()
            self.pages.complaints = []
        finally:
            for context in self.pages.browser.contexts:
                context.close()

    def on_a_page(self, situation, service, expected=()):
        self.check(situation, lambda: situation(self.lab, self.pages.open(service.url)), expected)


def main():
    options = arguments()
    with Lab(options.bin_dir, options.ports, options.logs) as lab, sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root, and not in most containers.
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        print(f"Chromium {browser.version}", flush=True)
        pages = Pages(browser)
        run = Run(lab, pages)

        def open_page(width, height, theme="light"):
            return pages.open(lab.client.url, width, height, theme)

        for situation in situations.ALL:
            run.on_a_page(situation, lab.client)
        run.on_a_page(situations.rates_with_their_thresholds, lab.guarded)
        run.on_a_page(situations.admin_token, lab.guarded, ["status of 401"])
        run.on_a_page(situations.one_reader_too_many, lab.guarded)
        run.on_a_page(situations.connection_lost_and_back, lab.client, ["net::ERR_"])
        for look in (
            looks.nothing_is_wider_than_the_screen,
            looks.long_labels_stay_in_their_cards,
            looks.axe_finds_nothing_grave,
        ):
            run.check(look, lambda look=look: look(lab, open_page))
        if options.screenshots:
            run.check(looks.screenshots, lambda: looks.screenshots(lab, open_page, options.screenshots), ["net::ERR_"])
        browser.close()
    if run.failures:
        sys.exit(f"{run.failures} failed")


if __name__ == "__main__":
    main()
