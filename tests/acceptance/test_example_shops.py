"""The example shops as their README starts them: gunicorn, a worker, a phone that is told."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from push_workers.simulator import SimulatorClient
from tests.processes import Process, wait_until
from tests.running import PYTHON, RunningSimulator
from tests.services import Postgres

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
BIN = Path(sys.executable).parent
TOKEN = "ab" * 32
GUNICORN = [BIN / "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0"]

Spawn = Callable[..., Process]


class Shop:
    """A shop's processes, from its folder and with its environment."""

    def __init__(self, spawn: Spawn, name: str, environment: Mapping[str, str]) -> None:
        self._start, self._folder, self._environment = spawn, EXAMPLES / name, environment

    def start(self, *command: str | Path) -> Process:
        return self._start(*command, cwd=self._folder, env=self._environment)

    def run(self, *command: str | Path) -> None:
        process = self.start(*command)
        assert process.wait(100) == 0, process.output

    def serve(self, application: str) -> httpx.Client:
        """Start gunicorn; return a browser on the address that it took."""
        gunicorn = self.start(*GUNICORN, application)
        said = gunicorn.wait_for("Listening at: ")
        (address,) = re.findall(r"Listening at: (\S+)", said)
        return httpx.Client(base_url=address, follow_redirects=True, timeout=30)


@pytest.fixture
def environment(
    spawn: Spawn, tmp_path: Path, postgres: Postgres, broker_url: str
) -> dict[str, str]:
    """Simulated providers, a database and a broker, by the names of both shops."""
    simulator = RunningSimulator(spawn, tmp_path / "simulator").client
    database = postgres.create()
    return {
        "SHOP_SECRET_KEY": "a secret of the tests only",
        "SHOP_DATABASE": database,
        "SHOP_DATABASE_HOST": str(postgres.directory),
        "SHOP_DATABASE_USER": "postgres",
        "SHOP_BROKER": broker_url,
        "SHOP_SQLALCHEMY_DATABASE_URI": postgres.url(database),
        "SHOP_PUSH_BROKER_URL": broker_url,
        "DJANGO_SUPERUSER_PASSWORD": "dinner is ready",
        "PIPELINE_APNS_KEY_FILE": str(simulator.key_file),
        "PIPELINE_APNS_KEY_ID": simulator.key_id,
        "PIPELINE_APNS_TEAM_ID": simulator.team_id,
        "PIPELINE_APNS_TOPIC": simulator.topic,
        "PIPELINE_APNS_URL": simulator.apns_url,
        "PIPELINE_CA_FILE": str(simulator.ca_file),
        "SIMULATOR": simulator.control_url,
    }


def test_the_django_shop_tells_the_buyer(spawn: Spawn, environment: dict[str, str]) -> None:
    shop = Shop(spawn, "django", environment)
    manage = [PYTHON, "manage.py"]
    shop.run(*manage, "migrate", "--verbosity", "0")
    shop.run(*manage, "createsuperuser", "--noinput", "--username", "ada", "--email", "a@b.example")
    shop.run(*manage, "push", "migrate")
    shop.start(*manage, "push", "worker", "--concurrency", "2").wait_for(" ready.")

    with shop.serve("shop.wsgi") as browser:
        submit(browser, "/accounts/login/", username="ada", password="dinner is ready")
        register_phone(browser)
        submit(browser, "/", item="Tea")
        pay_first_order(browser)

    wait_until_told(environment)


def test_the_flask_shop_tells_the_buyer(spawn: Spawn, environment: dict[str, str]) -> None:
    shop = Shop(spawn, "flask", environment)
    flask = [BIN / "flask", "--app", "shop"]
    shop.run(*flask, "create-tables")
    shop.run(*flask, "push", "migrate")
    shop.start(*flask, "push", "worker", "--concurrency", "2").wait_for(" ready.")

    with shop.serve("shop:create_app()") as browser:
        submit(browser, "/login", user="ada")
        register_phone(browser)
        submit(browser, "/", item="Tea")
        pay_first_order(browser)

    wait_until_told(environment)


def submit(browser: httpx.Client, page: str, **fields: str) -> httpx.Response:
    """Fill in the first form of a page, as a browser does: with what is hidden in it."""
    hidden = r'name="(csrfmiddlewaretoken)" value="(\w+)"'
    token = dict(re.findall(hidden, browser.get(page).text)[:1])
    answer = browser.post(page, data=token | fields, headers={"referer": str(browser.base_url)})
    assert answer.is_success, answer.text
    return answer


def register_phone(browser: httpx.Client) -> None:
    token = browser.cookies.get("csrftoken", "")
    registration = {"deviceId": "ada's phone", "deviceToken": TOKEN, "os": "IOS"}
    answer = browser.post("/push/devices/", json=registration, headers={"x-csrftoken": token})
    assert answer.is_success, answer.text


def pay_first_order(browser: httpx.Client) -> None:
    page = browser.get("/").text
    (action,) = re.findall(r'action="(\S+/pay)"', page)
    token = dict(re.findall(r'name="(csrfmiddlewaretoken)" value="(\w+)"', page)[:1])
    answer = browser.post(action, data=token, headers={"referer": str(browser.base_url)})
    assert "Tea: paid" in answer.text


def wait_until_told(environment: Mapping[str, str]) -> None:
    simulator = SimulatorClient(environment["SIMULATOR"])
    wait_until(lambda: simulator.received() == {TOKEN: 1}, 30, "the push on the phone")
    (sent,) = simulator.log()
    assert json.loads(sent["body"])["aps"]["alert"]["body"] == "Tea: paid, and on its way"
