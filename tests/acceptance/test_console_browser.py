"""The console in a real Chromium: from the form to the last bar, two viewers, a lost connection."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from push_pipeline import create_broadcast_channel, db, publish
from push_pipeline.cli.console_users import make_link
from push_pipeline.clock import now_ms
from push_pipeline.console.app import create_console
from push_pipeline.directory.console_users import put_person
from push_pipeline.settings import Settings
from push_workers.simulator import Simulator
from tests.installation import APP, Installation
from tests.integration.gateway_stand import running_gateway

#: Pages that everybody may be on, and what stands on each.
PAGES = ("Messages", "Compose", "Schedule", "Templates", "Channels", "Devices", "System", "Audit")


#: The height of a page's tallest row; 0 without a table.
TALLEST_ROW = "Math.max(0, ...[...document.querySelectorAll('tr')].map(row => row.offsetHeight))"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )


@dataclass
class Stand:
    """A gateway with the console, before an installation that the test drives."""

    chromium: Browser
    installation: Installation
    port: int = 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve, at the same port as before."""
        console = create_console(list)
        with running_gateway(console=console, port=self.port) as gateway:
            self.port = gateway.port
            yield

    def open(self, name: str, **options: object) -> Page:
        page = self.chromium.new_context(**options).new_page()
        page.goto(make_link(name, f"http://127.0.0.1:{self.port}"))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/messages")
        return page


@pytest.fixture
def stand(
    chromium: Browser, sqlite_url: str, broker_url: str, configure: Callable[..., Settings]
) -> Iterator[Stand]:
    """Serve the console on SQLite; people of each role may come in."""
    configure(database_url=sqlite_url, broker_url=broker_url, secret_key="a secret of the tests")
    with ExitStack() as opened:
        simulator = opened.enter_context(Simulator())
        configure(ca_file=simulator.ca_file, app_id=APP, retry_factor=0.001)
        made = Installation(simulator)
        opened.callback(made.context.close)
        with db.writing() as connection:
            for name, role in (("vera", "viewer"), ("paul", "publisher"), ("anna", "admin")):
                put_person(connection, name, {"*": role}, now_ms())
        stand = Stand(chromium, made)
        opened.enter_context(stand.serving())
        yield stand
        for context in chromium.contexts:
            context.close()


def test_a_push_from_the_form_to_the_last_bar_before_two_viewers(stand: Stand) -> None:
    stand.installation.register([f"{n:064x}" for n in range(1, 41)])
    paul, vera = stand.open("paul"), stand.open("vera")
    wrong: list[str] = []
    for page in (paul, vera):
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))

    paul.get_by_role("link", name="Compose").click()
    paul.get_by_label("Title").fill("Kitchen")
    paul.locator("[name=text]").fill("Dinner is <ready>")
    paul.get_by_label("Channel").fill("news")
    look = paul.get_by_role("region", name="Preview")
    expect(look).to_contain_text("40 devices would get it now")
    expect(look.locator(".notice").first).to_contain_text("Dinner is <ready>")
    paul.get_by_role("button", name="Review and send").click()
    paul.get_by_role("button", name="Send to 40 devices").dblclick()
    paul.wait_for_url("**/messages/message:*")
    message_id = paul.url.rpartition("/")[2]

    vera.locator(f"a[href*='{message_id.rpartition(':')[2]}']").click()
    for page in (paul, vera):
        expect(page.locator(".ledger")).to_contain_text("scheduled")
    stand.installation.work(message_id)
    for page in (paul, vera):
        expect(page.locator(".ledger")).to_contain_text("40 accepted")
        expect(page.locator(".bar .accepted.w-200").first).to_be_visible()
    expect(vera.get_by_role("button", name="Show what it says")).to_have_count(0)
    vera.get_by_role("link", name="Messages").click()
    expect(vera.locator("tbody tr")).to_have_count(1)
    assert wrong == []


def test_a_lost_connection_is_said_and_comes_back(stand: Stand) -> None:
    other = Stand(stand.chromium, stand.installation)
    with other.serving():
        vera = other.open("vera")
        banner = vera.locator("#connection")
        expect(banner).to_be_hidden()
    expect(banner).to_be_visible()
    with other.serving():
        expect(banner).to_be_hidden(timeout=20_000)


def test_a_delayed_push_is_stopped_by_keyboard_alone(stand: Stand) -> None:
    later = {"publish_at": now_ms() + 3_600_000}
    message_id = publish("news", "Hi", None, later).message_id
    paul = stand.open("paul")
    paul.goto(f"http://127.0.0.1:{stand.port}/console/a/{APP}/messages/{message_id}")
    paul.get_by_text("Cancel …").focus()
    paul.keyboard.press("Enter")
    paul.keyboard.press("Tab")
    expect(paul.get_by_role("button", name="Cancel this message")).to_be_focused()
    paul.keyboard.press("Enter")
    expect(paul.locator(".ledger")).to_contain_text("cancelled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_judge_of_accessibility_finds_nothing(stand: Stand, scheme: str) -> None:
    good, dead = f"{1:064x}", f"{2:064x}"
    stand.installation.register([good, dead])
    stand.installation.simulator.devices([{"token": dead, "provider": "apns", "state": "dead"}])
    message_id = publish("news", "Hi").message_id
    stand.installation.work(message_id)
    width = {"light": 1200, "dark": 390}[scheme]  # and a phone's
    anna = stand.open("anna", color_scheme=scheme, viewport={"width": width, "height": 800})
    found: dict[str, list[str]] = {}
    create_broadcast_channel("game", app=APP)
    paths = {
        "Message": f"messages/{message_id}",
        "Broadcast": "broadcast?name=game&environment=production",
    }
    for name in (*paths, *PAGES):
        if name in paths:
            anna.goto(f"http://127.0.0.1:{stand.port}/console/a/{APP}/{paths[name]}")
        else:
            anna.get_by_role("navigation").get_by_role("link", name=name).click()
            expect(anna.get_by_role("heading", level=1)).to_be_visible()
        judged = Axe().run(anna).response["violations"]
        found[name] = [f"{one['id']}: {one['nodes'][0]['html'][:90]}" for one in judged]
        wide = anna.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is wider than the screen"
        assert anna.evaluate(TALLEST_ROW) < 200, f"{name}: a word is broken into its letters"
    assert {name: said for name, said in found.items() if said} == {}
