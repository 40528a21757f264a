"""The console as a browser's requests meet it: who comes in, what is shown, what is done."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode

import httpx
import pytest

from push_pipeline import (
    create_broadcast_channel,
    db,
    publish,
    push_to_broadcast_channel,
    register_device,
    report_activity_token,
    start_activity,
)
from push_pipeline.cli.console_users import make_link
from push_pipeline.clock import now_ms
from push_pipeline.console.app import create_console
from push_pipeline.console.sign_in import set_password
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.audit import list_deeds
from push_pipeline.directory.console_users import put_person, remove_person
from push_pipeline.ledger.readings import (
    KEPT_MS,
    MINUTE_MS,
    Minute,
    list_readings,
    take_reading,
)
from push_pipeline.settings import Settings
from push_workers.tick import end_canaries
from tests.installation import APP, Installation
from tests.integration.gateway_stand import Client, running_gateway

pytestmark = pytest.mark.usefixtures("nobody_answers")

CANARY = "canary-text-9f3a"


@dataclass
class Browser:
    """Keeps cookies and says where its requests come from, as a browser does."""

    url: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, headers={"sec-fetch-site": "same-origin"})

    def sign_in(self, name: str) -> httpx.Response:
        link = httpx.URL(make_link(name, self.url))
        return self.client.post("/console/sign-in", data=dict(link.params))

    def get(self, path: str) -> httpx.Response:
        return self.client.get(f"/console/a/{APP}/{path}")

    def post(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        return self.client.post(f"/console/a/{APP}/{path}", data=fields, headers=headers)


@pytest.fixture
def browser(installation: Installation) -> Iterator[Callable[[str], Browser]]:
    """Open browsers in which somebody is signed in: `browser("vera")`; roles as their names say."""
    for name, role in (("vera", "viewer"), ("paul", "publisher"), ("anna", "admin")):
        with db.writing() as connection:
            put_person(connection, name, {APP: role}, now_ms())
    with running_gateway(console=create_console(list)) as gateway, ExitStack() as opened_ones:

        def open_one(name: str) -> Browser:
            opened = Browser(f"http://127.0.0.1:{gateway.port}")
            opened_ones.callback(opened.client.close)
            if name:
                assert opened.sign_in(name).status_code == 303
            return opened

        yield open_one


def deeds() -> list[tuple[str, str]]:
    with db.reading() as connection:
        return [(one.user_name, one.action) for one in list_deeds(connection, APP)]


def test_a_link_signs_in_once_and_leaving_ends_it_at_the_server(
    browser: Callable[[str], Browser],
) -> None:
    stranger = browser("")
    link = httpx.URL(make_link("vera", stranger.url))

    assert stranger.get("messages").headers["location"] == "/console/sign-in"
    assert stranger.client.get(link.raw_path.decode()).status_code == 200, "looking uses none up"
    entered = stranger.client.post("/console/sign-in", data=dict(link.params))
    assert entered.status_code == 303
    assert {"HttpOnly", "SameSite=strict"} <= set(entered.headers["set-cookie"].split("; "))
    assert stranger.get("messages").status_code == 200

    again = browser("").client.post("/console/sign-in", data=dict(link.params))
    assert again.status_code == 401
    assert "was used" in again.text

    kept = dict(stranger.client.cookies)
    stranger.client.post("/console/sign-out")
    stranger.client.cookies.update(kept)
    assert stranger.get("messages").status_code == 303
    assert ("vera", "signed in") in deeds()


def test_a_password_signs_in_and_a_new_one_signs_everybody_out(
    browser: Callable[[str], Browser],
) -> None:
    set_password("vera", "correct horse battery")
    opened = browser("")

    def enter(name: str, password: str) -> int:
        said = {"name": name, "password": password}
        return opened.client.post("/console/sign-in", data=said).status_code

    assert enter("vera", "wrong horse battery!") == 401
    assert enter("nobody", "correct horse battery") == 401
    assert enter("paul", "") == 401, "who has no password has none that is empty"
    assert enter("vera", "correct horse battery") == 303
    assert opened.get("messages").status_code == 200

    set_password("vera", "another horse battery")
    assert opened.get("messages").status_code == 303


def test_a_form_of_a_stranger_is_bounded_before_it_is_known_who_sends_it(
    browser: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = browser("")
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 65_536
            yield b"x" * 65_536

    for path in ("/console/sign-in", f"/console/a/{APP}/compose/look"):
        with suppress(httpx.WriteError):  # it may be told before all of it is sent
            answer = stranger.client.post(
                path,
                content=endless(),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
            assert answer.status_code == 413, answer.text
    assert sent < 64 * 2**20, "most of it is not taken"

    monkeypatch.setattr("push_pipeline.console.bounds.FORM_SECONDS", 0.3)
    port = httpx.URL(stranger.url).port
    head = (
        b"POST /console/sign-in HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\nname="
    )
    assert Client(int(port or 0)).raw(head).status == 408


def test_a_refused_sign_in_is_logged_without_what_was_tried(
    browser: Callable[[str], Browser], caplog: pytest.LogCaptureFixture
) -> None:
    said = {"name": "vera", "password": CANARY}
    assert browser("").client.post("/console/sign-in", data=said).status_code == 401
    assert [one.action for one in caplog.records if "refused" in one.message] == ["sign_in_refused"]
    assert CANARY not in caplog.text


def test_a_page_of_another_site_changes_nothing(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    message_id = publish("news", "Hi", None, {"publish_at": now_ms() + 3_600_000}).message_id
    paul = browser("paul")
    for said in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ):
        assert paul.post(f"messages/{message_id}/do", said, verb="cancel").status_code == 403
    del paul.client.headers["sec-fetch-site"]
    for origin in ({}, {"origin": "https://evil.example"}, {"origin": "null"}):
        assert paul.post(f"messages/{message_id}/do", origin, verb="cancel").status_code == 403

    assert "scheduled" in paul.get(f"messages/{message_id}").text
    own = {"origin": paul.url}
    assert paul.post(f"messages/{message_id}/do", own, verb="cancel").status_code == 303
    assert "cancelled" in paul.get(f"messages/{message_id}").text
    assert ("paul", "cancel") in deeds()


def test_no_page_may_run_or_load_what_is_not_ours(browser: Callable[[str], Browser]) -> None:
    vera = browser("vera")
    for path in ("messages", "schedule", "channels", "templates", "devices", "system", "nowhere"):
        answer = vera.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(
            r"""<script>|\sstyle=|\son\w+=|(?:src|href)="(?:http|//)""", answer.text
        )


@pytest.mark.parametrize("name", ["vera", "paul", "anna"])
def test_each_role_does_what_it_may_and_nothing_more(
    name: str, installation: Installation, browser: Callable[[str], Browser]
) -> None:
    [device] = installation.register(["aa" * 32])
    message_id = publish("news", CANARY).message_id
    installation.work(message_id)
    rank = ["vera", "paul", "anna"].index(name)
    who = browser(name)

    def may(answer: httpx.Response) -> bool:
        return answer.status_code < 400

    assert may(who.get("messages"))
    assert may(who.get(f"messages/{message_id}"))
    assert may(who.get("compose")) is (rank >= 1)
    assert may(who.post(f"messages/{message_id}/reveal")) is (rank >= 1)
    assert may(who.get(f"messages/{message_id}/export.ndjson")) is (rank >= 1)
    assert may(who.post("compose/send", once="x1", channel="news", text="Hi")) is (rank >= 1)
    assert may(who.get("audit")) is (rank >= 2)
    assert may(who.post("devices/forget", device_id=device)) is (rank >= 2)


def test_somebody_with_a_role_in_one_app_sees_no_other(browser: Callable[[str], Browser]) -> None:
    with db.writing() as connection:
        ensure_app(connection, "OTHER", "Another", now_ms())
    anna = browser("anna")
    for app_id in ("OTHER", "NOWHERE"):
        answer = anna.client.get(f"/console/a/{app_id}/messages")
        assert answer.status_code == 400
        assert "no role" in answer.text
    with db.writing() as connection:
        remove_person(connection, "anna")
    assert anna.get("messages").status_code == 303, "the next request already"


def test_an_admin_of_one_app_learns_nothing_of_the_others(
    browser: Callable[[str], Browser],
) -> None:
    with db.writing() as connection:
        ensure_app(connection, "OTHER", "Another", now_ms())
        put_person(connection, "otto", {"OTHER": "admin"}, now_ms())
        put_person(connection, "zoe", {"*": "admin"}, now_ms())
    anna, zoe = browser("anna"), browser("zoe")
    for path in ("system", "system/doctor", "audit", "messages"):
        assert "otto" not in anna.get(path).text
        assert "zoe" not in anna.get(path).text or path == "system", "she has a role here as well"
        assert "OTHER" not in anna.get(path).text
    assert "every app" in anna.get("system/doctor").text
    assert "<table>" in zoe.get("system/doctor").text
    assert "signed in" in zoe.get("audit").text
    assert "signed in" not in anna.get("audit").text


def test_texts_and_tokens_are_hidden_until_somebody_asks_and_that_is_noted(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    token = "ab" * 32
    device = "dev-1"
    register_device(device, token, "IOS", channels=["news"])
    message_id = publish("news", CANARY).message_id
    installation.work(message_id)
    anna = browser("anna")

    pages = ["messages", f"messages/{message_id}", "devices", f"devices/one?id={device}", "audit"]
    for path in [*pages, f"messages/{message_id}/export.ndjson"]:
        shown = anna.get(path)
        assert shown.status_code == 200
        assert CANARY not in shown.text
        assert token not in shown.text
    assert CANARY in anna.post(f"messages/{message_id}/reveal").text
    assert ("anna", "read the text") in deeds()
    assert CANARY not in anna.get("audit").text


def test_what_is_composed_is_looked_at_tried_and_sent_once(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    devices = installation.register([f"{n:064x}" for n in range(1, 4)])
    paul = browser("paul")
    said = {"channel": "news", "title": "T", "text": "Hi <b>all</b>", "once": "form-1"}

    looked = paul.post("compose/look", **said).text
    assert "<strong>3</strong> devices" in looked
    assert "Hi &lt;b&gt;all&lt;/b&gt;" in looked
    assert "segment" not in paul.post("compose/look", **said, segment="").text
    wrong = paul.post("compose/look", **said, segment="age = = 3")
    assert "problem" in wrong.text
    assert wrong.status_code == 200

    tried = paul.post("compose/test", **said, devices=devices[0])
    [test_id] = re.findall(r"messages/(message%3A[0-9A-F-]+|message:[0-9A-F-]+)", tried.text)
    assert installation.work(test_id.replace("%3A", ":"))["audience"] == 1

    assert "Send to 3 devices" in paul.post("compose/review", **said).text
    first, second = (paul.post("compose/send", **said) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    message_id = first.headers["location"].rpartition("/")[2]
    installation.work(message_id)
    page = paul.get(f"messages/{message_id}").text
    assert "<strong>3</strong> accepted" in page
    assert deeds().count(("paul", "published")) == 1


def test_browsers_get_the_title_and_the_page_that_a_click_opens(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    installation.register_browsers(["page-1"])
    paul = browser("paul")
    said = {"channel": "news", "title": "Kitchen", "text": "Hi", "system": "WEB", "once": "form-w"}
    opens = "https://a.example/?a=1&b=2"
    looked = paul.post("compose/look", **said, link=opens).text
    assert re.search(r"WEB.*Kitchen.*Hi.*opens https://a.example/\?a=1&amp;b=2", looked, re.DOTALL)
    assert "nothing is shown" not in looked
    sent = paul.post("compose/send", **said, link=opens).headers["location"].rpartition("/")[2]
    assert installation.work(sent)["accepted"] == 1
    assert "opens https://a.example/" in paul.post(f"messages/{sent}/reveal").text


def test_a_push_type_goes_to_its_devices_and_what_is_wrong_stands_in_the_form(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    installation.register([f"{1:064x}"])
    for number, push_type in ((2, "voip"), (3, "widgets")):
        register_device("P1", f"{number:064x}", "IOS", channels=["news"], push_type=push_type)
    paul = browser("paul")

    call = {"channel": "news", "text": "Ann calls", "once": "form-c", "push_type": "voip"}
    assert "<strong>1</strong> device would" in paul.post("compose/look", **call).text
    assert "<dd>voip</dd>" in paul.post("compose/review", **call).text
    sent = paul.post("compose/send", **call).headers["location"].rpartition("/")[2]
    assert installation.work(sent)["audience"] == 1
    widgets = {"channel": "news", "text": "", "push_type": "widgets", "once": "form-p"}
    assert "<strong>1</strong> device would" in paul.post("compose/look", **widgets).text

    for wrong, says in (
        ({"push_type": "background"}, "said by ios-content-available"),
        ({"push_type": "voip", "system": "WEB"}, "Apple&#39;s systems alone have it"),
        ({"push_type": "controls"}, "a push of type controls"),
        ({"segment": "age = = 3"}, "expected a value"),
        ({"at": "2020-01-01T10:00"}, "publishAt has passed"),
        ({"canary": "500"}, "canary"),
    ):
        said = {"channel": "news", "text": "Keep <this>", "once": "form-d", **wrong}
        for path in ("compose/review", "compose/send"):
            refused = paul.post(path, **said)
            [told] = re.findall(r'<p class="problem" role="alert">(.*)</p>', refused.text)
            assert (refused.status_code, says in told) == (400, True), told
            assert "Keep &lt;this&gt;</textarea>" in refused.text
    assert len(re.findall(r"messages/message", paul.get("messages").text)) == 1
    changed = paul.post("compose", **call, words="Anna ruft an", language="de").text
    assert "Ann calls</textarea>" in changed
    assert '<option value="voip" selected>' in changed
    assert 'value="Anna ruft an"' in changed


def test_a_broadcast_channel_is_told_once_and_what_is_wrong_stands_in_the_form(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    create_broadcast_channel("game", stores="nothing", app=APP)
    vera, paul = browser("vera"), browser("paul")
    place = {"name": "game", "environment": "production"}
    assert "push to it" not in vera.get("channels").text
    assert vera.post("broadcast/send", **place, state="{}", once="b").status_code == 400
    assert "broadcast?name=game&amp;environment=production" in paul.get("channels").text
    assert "broadcast channel game (production)" in paul.get(f"broadcast?{urlencode(place)}").text
    assert paul.get("broadcast?name=other&environment=production").status_code == 404

    said = {**place, "state": '{"score": "<1-0>"}', "title": "Goal", "once": "form-b"}
    assert "&lt;1-0&gt;" in paul.post("broadcast/look", **said).text
    for wrong, says in (
        ({"state": "{score"}, "state is no JSON"),
        ({"state": ""}, "state is missing"),
        ({"event": "start"}, "attributesType is missing"),
        ({"kept": "3600"}, "the channel keeps"),
        ({"kept": "x"}, "ttl is a number"),
        ({"stale": "2020-01-01T10:00"}, "staleDate has passed"),
        ({"state": '{"a": "' + "x" * 5200 + '"}'}, "the limit is 5120"),
        ({"name": "other"}, "no broadcast channel"),
    ):
        for path in ("broadcast/review", "broadcast/send"):
            refused = paul.post(path, **{**said, **wrong})
            [told] = re.findall(r'<p class="problem" role="alert">(.*)</p>', refused.text)
            assert (refused.status_code // 100, says in told) == (4, True), told
            assert 'value="Goal"' in refused.text
    assert "No message is here" in paul.get("messages").text

    assert (
        "Send one request to the broadcast channel game"
        in paul.post("broadcast/review", **said).text
    )
    first, second = (paul.post("broadcast/send", **said) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    message_id = first.headers["location"].rpartition("/")[2]
    installation.work(message_id)
    assert deeds().count(("paul", "published to a broadcast channel")) == 1
    assert "one request: <span" in paul.get("messages").text
    shown = paul.get(f"messages/{message_id}").text
    assert "broadcast channel game" in shown
    assert "Its audience is unknown" in shown
    assert "Goal" not in shown
    assert "Goal" in paul.post(f"messages/{message_id}/reveal").text
    installation.simulator.reset()  # Apple forgets its channels
    failed = push_to_broadcast_channel("game", {"home": 1}, app=APP).message_id
    installation.work(failed)
    assert "its id never comes back" in paul.get(f"messages/{failed}").text


def test_browsers_calls_and_activities_are_told_apart(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    later = {"publish_at": now_ms() + 3_600_000}
    [phone] = installation.register([f"{1:064x}"], userId="ada")
    [page] = installation.register_browsers(["page-1"])
    register_device("P1", f"{2:064x}", "IOS", channels=["news"], push_type="voip")
    report_activity_token(phone, "ab" * 40, attributes_type="Match")
    create_broadcast_channel("game", app=APP)
    publish("news", "Ring", delivery_options={"push_type": "voip", **later})
    push_to_broadcast_channel("game", {"home": 1}, app=APP, **later)
    started = start_activity(
        "match-1", "Match", {}, {"score": 0}, alert="Go", users="ada"
    ).message_id
    vera = browser("vera")

    for path in ("messages", "schedule"):
        listed = vera.get(path).text
        for told in (">voip<", "broadcast channel game", "Live Activity: start of match-1"):
            assert told in listed
    assert "Live Activity: start of match-1" in vera.get(f"messages/{started}").text
    assert ">voip<" in vera.get("devices").text
    assert "<dd>voip</dd>" in vera.get("devices/one?id=P1.voip").text
    shown = vera.get(f"devices/one?id={page}").text
    for told in ("<dd>browser</dd>", "<dd>Web Push</dd>", "<dt>Push service</dt>"):
        assert told in shown
    assert re.search(
        "any</th><td>Match</td><td>may be started", vera.get(f"devices/one?id={phone}").text
    )


def test_a_reason_is_explained_and_the_device_tells_why_it_got_nothing(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    good, dead = f"{1:064x}", f"{2:064x}"
    ids = installation.register([good, dead])
    installation.simulator.devices([{"token": dead, "provider": "apns", "state": "dead"}])
    message_id = publish("news", "Hi").message_id
    installation.work(message_id)
    anna = browser("anna")

    page = anna.get(f"messages/{message_id}").text
    assert "The app was removed from the device" in page
    [out] = [one for one in ids if "retired" in anna.get(f"devices/one?id={one}").text]
    assert "The app was removed from the device" in anna.get(f"devices/one?id={out}").text
    assert anna.post("devices/revive", device_id=out).status_code == 303
    assert "active" in anna.get(f"devices/one?id={out}").text
    lines = anna.get(f"messages/{message_id}/export.ndjson?only=rejected").text.splitlines()
    assert [json.loads(line)["deviceId"] for line in lines] == [out]


def test_the_list_is_paged_and_filtered_without_counting_all(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    later = {"publish_at": now_ms() + 3_600_000}
    ids = [publish(f"c{n % 2}", "Hi", None, later).message_id for n in range(35)]
    vera = browser("vera")

    def listed(path: str) -> list[str]:
        return re.findall(r"/messages/(message:[0-9A-F-]+)", unquote(vera.get(path).text))

    first = listed("messages")
    [older] = re.findall(r'href="\?([^"]+)">Older', vera.get("messages").text)
    rest = listed("messages?" + older.replace("&amp;", "&"))
    assert sorted([*first, *rest]) == sorted(ids)
    assert len(listed("messages?channel=c1")) == 17
    assert len(listed("messages?state=cancelled")) == 0
    assert len(listed("messages?day=2020-01-01")) == 0
    assert vera.get("messages?day=tomorrow").status_code == 400


def test_a_proxy_names_who_it_let_in_and_nobody_else_can(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    with db.writing() as connection:
        put_person(connection, "vera", {"*": "viewer"}, now_ms())
    named = {"X-Forwarded-User": "vera"}
    for proxies, status in (("10.9.9.9", 303), ("127.0.0.1", 200)):
        configure(trusted_proxies=proxies, console_user_header="X-Forwarded-User")
        with running_gateway(console=create_console(list)) as gateway:
            url = f"http://127.0.0.1:{gateway.port}/console/a/{APP}/messages"
            assert httpx.get(url, headers=named).status_code == status


def test_the_stream_tells_what_is_true_now_and_then_what_changes(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    installation.register(["aa" * 32])
    message_id = publish("news", "Hi").message_id
    vera = browser("vera")
    told: list[str] = []
    path = f"/console/a/{APP}/events"
    with vera.client.stream("GET", path, params={"topic": message_id}, timeout=30) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        for line in lines:
            told.append(line)
            if len(told) > 3 and "Nobody was sent to yet" in "".join(told):
                break
        installation.work(message_id)
        for line in lines:
            told.append(line)
            if "<strong>1</strong> accepted" in line:
                break
    assert CANARY not in "".join(told)
    stranger = browser("")
    assert stranger.client.get(path, params={"topic": message_id}).status_code == 401
    assert vera.client.get(path, params={"topic": "message:none"}).status_code == 404


def test_a_device_is_put_out_of_service_and_found_by_its_token(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    register_device("dev-1", "ab" * 32, "IOS", channels=["news"])
    vera, anna = browser("vera"), browser("anna")

    found = vera.post("devices/by-token", token="ab" * 32)
    assert found.headers["location"].endswith("one?id=dev-1")
    digest = hashlib.sha256(("ab" * 32).encode()).hexdigest()
    for told in (digest, digest[:8].upper()):
        found = vera.post("devices/by-token", token=told)
        assert found.headers["location"].endswith("one?id=dev-1")
    assert vera.post("devices/by-token", token="cd" * 32).status_code == 400
    assert vera.post("devices/put-out", device_id="dev-1").status_code == 400
    assert anna.post("devices/put-out", device_id="dev-1").status_code == 303
    assert installation.work(publish("news", "Hi").message_id)["audience"] == 0
    assert "Somebody has put the device out" in anna.get("devices/one?id=dev-1").text
    register_device("dev-1", "ab" * 32, "IOS", channels=["news"])
    assert installation.work(publish("news", "Hi").message_id)["accepted"] == 1

    assert "dev-1" in anna.get("audit").text
    assert anna.post("devices/forget", device_id="dev-1").status_code == 303
    assert "dev-1" not in anna.get("audit").text
    assert "put a device out of service" in anna.get("audit").text


def test_a_canary_is_sent_first_and_resumed_after_a_look(
    installation: Installation, browser: Callable[[str], Browser]
) -> None:
    installation.register([f"{n:064x}" for n in range(1, 21)])
    paul = browser("paul")
    said = {"channel": "news", "text": "Hi", "once": "form-2", "canary": "5"}
    assert "5.0 % first" in paul.post("compose/review", **said).text
    message_id = paul.post("compose/send", **said).headers["location"].rpartition("/")[2]
    installation.work(message_id)
    end_canaries(now_ms())
    assert "the canary is out: 1 of 1 accepted" in paul.get(f"messages/{message_id}").text
    assert paul.post(f"messages/{message_id}/do", verb="resume").status_code == 303
    assert installation.work(message_id)["accepted"] == 20


def test_each_language_is_shown(browser: Callable[[str], Browser]) -> None:
    said = {"channel": "news", "text": "Hello", "language": "de", "words": "Hallo"}
    looked = browser("paul").post("compose/look", **said).text
    assert "IOS (de)" in looked
    assert "Hallo" in looked
    assert "Hello" in looked


def test_a_minute_is_read_once_and_kept_for_a_day(installation: Installation) -> None:
    installation.register([f"{n:064x}" for n in range(1, 4)])
    installation.work(publish("news", "Hi").message_id)
    following = (now_ms() // MINUTE_MS + 1) * MINUTE_MS
    for moment in (following, following + 5_000, following + MINUTE_MS):
        with db.writing() as connection:
            take_reading(connection, moment)
    with db.reading() as connection:
        assert list_readings(connection) == [
            Minute(following, 3, 3, 0, 0),
            Minute(following + MINUTE_MS, 0, 0, 0, 0),
        ]
    with db.writing() as connection:
        take_reading(connection, following + KEPT_MS + MINUTE_MS)
    with db.reading() as connection:
        assert [one.settled for one in list_readings(connection)] == [0, 0]
