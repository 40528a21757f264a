"""The system's Chromium, without a window, as somebody who looks at a page would have it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright


@contextmanager
def browsing() -> Iterator[Page]:
    """Open a page; it must load all that it asks for, and report no error."""
    wrong: list[str] = []
    with sync_playwright() as playwright:
        # Its sandbox needs rights that a container of a CI may not have; the pages are ours.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), chromium_sandbox=False
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("response", lambda answer: answer.ok or wrong.append(answer.url))
        yield page
        browser.close()
    assert not wrong
