"""Who may do what: keys, scopes, channel patterns, domains, wrong keys, revoked keys."""

from collections.abc import Callable

import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices import upsert
from push_pipeline.directory.access import Access, PublishRule, put_access
from push_pipeline.directory.apps import add_key, revoke_key
from push_pipeline.gateway import rate_limiter, shared_pace
from push_pipeline.gateway.pace import Pace
from push_pipeline.gateway.rate_limiter import FAILURES_MAX
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import (
    APP,
    IOS_TOKEN,
    KEY,
    Client,
    make_app,
    running_gateway,
)
from tests.processes import wait_until


def key(api: Client, name: str, **grant: object) -> Client:
    """Make a key of the app and return a client that has it."""
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key=name, **grant)
    return Client(api.port, f"/{APP}/{name}")


def rules(**changed: object) -> None:
    with db.writing() as connection:
        put_access(connection, Access(APP, **changed), now_ms())


def test_each_scope_opens_its_routes_and_no_other(api: Client) -> None:
    requests = {
        "publish": ("POST", "/messaging/default", {"message": 1}),
        "register": ("GET", "/messaging/registrations/x", None),
        "read": ("GET", "/messaging/message:X", None),
        "admin": ("DELETE", "/messaging/channels/x", None),
    }
    for scope in requests:
        limited = key(api, f"key-{scope}", scopes=[scope])
        for needed, (method, path, body) in requests.items():
            answer = limited(method, path, body)
            denied = answer.status != 200 and answer.fault[1] in {2000, 5007}
            assert denied == (needed != scope), (scope, needed, answer)


def test_a_key_for_some_channels_publishes_and_cancels_only_there(api: Client) -> None:
    limited = key(api, "news-key", channel_patterns=["news*", "default"])

    assert limited.publish("news-of-today").status == 200
    assert limited.publish("default").status == 200
    assert limited.publish("secret").fault == (400, 5007)
    later = api.publish("secret", publishAt=now_ms() + 60_000).body["messageId"]
    assert limited("DELETE", f"/messaging/{later}").fault == (400, 5007)
    assert api("DELETE", f"/messaging/{later}").status == 200


def test_a_wrong_app_or_key_is_one_and_the_same_error(api: Client) -> None:
    make_app("APP-2", "KEY-2")
    wrong = ["/APP-1/nope", "/nope/KEY-1", "/APP-1/KEY-2", "/APP-2/KEY-1", "/APP-1/", "/%00/%ff"]
    answers = [api("GET", "/info", prefix=prefix) for prefix in wrong]

    assert {answer.fault for answer in answers} == {(400, 2002)}
    assert len({answer.raw for answer in answers}) == 1


def test_a_revoked_key_is_refused_within_seconds(api: Client) -> None:
    temporary = key(api, "temporary-key")
    assert temporary("GET", "/info").status == 200

    with db.writing() as connection:
        assert revoke_key(connection, APP, "-key", now_ms()) == 1

    wait_until(lambda: temporary("GET", "/info").status == 400, what="the key's end")
    assert temporary("GET", "/info").fault == (400, 2002)


def test_wrong_keys_are_limited_and_lock_nobody_out(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "SLOW_SECONDS", 0.001)
    known = key(api, "known-before")
    assert known("GET", "/info").status == 200
    guesses = [api("GET", "/info", prefix=f"/{APP}/guess-{n}") for n in range(FAILURES_MAX + 5)]

    assert [answer.fault for answer in guesses[:FAILURES_MAX]] == [(400, 2002)] * FAILURES_MAX
    assert [answer.fault for answer in guesses[FAILURES_MAX:]] == [(429, 999)] * 5
    assert guesses[-1].headers["retry-after"] == "60"
    assert api("GET", "/info").status == 200  # this gateway never saw the key before
    assert key(api, "a-new-key")("GET", "/info").status == 200
    monkeypatch.setattr(rate_limiter, "SLOW_SECONDS", 1000.0)
    assert known("GET", "/info").status == 200


def test_an_address_that_a_client_invents_does_not_count(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "SLOW_SECONDS", 0.001)
    for n in range(FAILURES_MAX):
        api("GET", "/info", prefix=f"/{APP}/{n}-guess", x_forwarded_for=f"192.0.2.{n}")
    answer = api("GET", "/info", prefix=f"/{APP}/another", x_forwarded_for="192.0.2.99")
    assert answer.fault == (429, 999)


def test_callers_without_a_key_may_do_what_the_app_says(api: Client) -> None:
    api.prefix = "/api"
    assert api.publish().fault == (400, 5007)
    rules(open_scopes=("publish", "register", "read", "admin"))
    wait_until(lambda: api.publish().status == 200, what="the change of the rules")
    assert api("DELETE", "/messaging/channels/x").fault == (400, 2000)

    rules(open_scopes=())

    wait_until(lambda: api.publish().status == 400, what="the change of the rules")
    assert api.publish().fault == (400, 5007)
    assert api.register().fault == (400, 2000)


def test_an_app_that_is_closed_tells_nothing_of_itself(api: Client) -> None:
    template = {"name": "known", "message": "x"}
    api("POST", "/console/messaging/push/templates", template, prefix=f"/{APP}", auth_key=KEY)
    known = api.publish(publishAt=now_ms() + 60_000).body["messageId"]
    api.register("known")

    def codes(method: str, path: str, *names: str) -> set[int]:
        return {api(method, path + name, prefix="/api").fault[1] for name in names}

    assert codes("POST", "/messaging/push/", "known", "unknown") == {5007}
    assert codes("DELETE", "/messaging/", known, "message:X") == {5007}
    assert codes("GET", "/messaging/", known, "message:X", f"{known}/ledger") == {2000}
    assert codes("GET", "/messaging/registrations/", "known", "unknown") == {2000}
    assert codes("DELETE", "/messaging/registrations/", "known", "unknown") == {2000}
    assert codes("GET", "/messaging/pushtemplates", "", "/ios", "/android") == {2000}
    assert codes("GET", "", "/info") == codes("POST", "", "/messaging/email") == {2000}


def test_without_a_key_a_body_is_json_and_says_so(api: Client, subtests: pytest.Subtests) -> None:
    """What a web page of another origin can send unasked is none of these."""
    rules(open_scopes=("publish", "register", "read"))
    api.prefix = "/api"
    template = {"name": "known", "message": "x"}
    api("POST", "/console/messaging/push/templates", template, prefix=f"/{APP}", auth_key=KEY)
    bodies = {
        "/messaging/default": {"message": "x"},
        "/messaging/registrations": {"deviceId": "d", "deviceToken": IOS_TOKEN, "os": "IOS"},
        "/messaging/push/known": None,
    }
    for path, body in bodies.items():
        for kind in ("text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"):
            with subtests.test(path=path, kind=kind):
                assert api("POST", path, body, Content_Type=kind).fault == (415, 8004)
        declared = api("POST", path, body, Content_Type="Application/JSON; charset=utf-8")
        assert declared.status == 200


def test_without_a_key_nothing_is_asked_or_told_about_people(
    api: Client, subtests: pytest.Subtests
) -> None:
    rules(open_scopes=("publish", "register", "read"))
    api.prefix = "/api"
    allowed = api.publish(segmentQuery="os = 'IOS' AND properties.a = 1")
    assert allowed.status == 200
    asked = ("user.pin LIKE '1%'", "user.objectId = 'u'", "ownerId = 'u'", "deviceToken LIKE 'a%'")
    deep = "os = 'IOS' OR NOT (locale = 'x' AND user.a.b IS NULL)"
    assert api.publish(segmentQuery=deep).fault == (400, 2000)
    for clause in asked:  # with this many requests, callers without a key have had their pace
        with subtests.test(clause=clause):
            template = {"message": "x", "channelName": "default", "segmentQuery": clause}
            assert api.publish(segmentQuery=clause).fault == (400, 2000)
            assert api("POST", "/messaging/push", template).fault == (400, 2000)
            to_user = {"message": "x", "segmentQuery": clause}
            assert api("POST", "/messaging/users/u", to_user).fault == (400, 2000)
            filled = {"segmentQuery": clause.replace("'u'", "'{u}'"), "templateValues": {"u": "u"}}
            assert api.publish(**filled).fault == (400, 2000)
    ledger = f"/messaging/{allowed.body['messageId']}/ledger"
    assert api("GET", ledger).fault == (400, 2000)
    assert api("GET", ledger, prefix=f"/{APP}/{KEY}").status == 200


def test_a_domain_leads_to_the_app_it_belongs_to(api: Client) -> None:
    make_app("APP-2", "KEY-2")
    rules(open_scopes=("read",))
    with db.writing() as connection:
        theirs = Access("APP-2", hosts=("push.shop.example",), open_scopes=("read",))
        put_access(connection, theirs, now_ms())

    def app_of(host: str) -> str:
        return api("GET", "/info", prefix="/api", Host=host).body["appId"]

    assert app_of("push.shop.example") == app_of("PUSH.shop.example:8443") == "APP-2"
    assert app_of("localhost:80") == app_of("[::1]:80") == app_of("[::1]") == APP
    # A name that somebody else points at this machine is no name of it.
    for host in ("evil.example", "", "127.0.0.1.evil.example", "10.0.0.7", "push.shop.example."):
        assert api("GET", "/info", prefix="/api", Host=host).fault == (400, 2002), host
        assert api("GET", "/info", Host=host).status == 200, host


def test_a_channel_of_a_role_is_closed_to_who_has_no_user_token(api: Client) -> None:
    rules(
        publish_rules=(
            PublishRule("vip-open", ("NotAuthenticatedUser",)),
            PublishRule("vip*", ("editor",)),
        )
    )
    assert api.publish("vip-1").fault == (400, 5007)
    assert api.publish("vip-open").status == 200
    assert api.publish("other").status == 200


def test_operators_have_a_key_of_their_own(api: Client) -> None:
    for path in ("/healthz", "/openapi.json", "/docs"):
        assert api("GET", path, prefix="", authorization="").status == 200, path
    for path in ("/readyz", "/metrics"):
        for wrong in ("", "Bearer", "Bearer guess", f"Bearer {KEY}", f"Basic {api.headers}"):
            answer = api("GET", path, prefix="", authorization=wrong)
            assert answer.fault == (401, 2000), (path, wrong)
        assert api("GET", path, prefix="").status == 200
    assert KEY.encode() not in api("GET", "/metrics", prefix="").raw


def test_who_is_no_admin_asks_for_little_at_once(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = key(api, "client-key", scopes=["publish", "register"])
    template = {"name": "known", "message": "x"}
    api("POST", "/console/messaging/push/templates", template, prefix=f"/{APP}", auth_key=KEY)
    many = [f"c{n}" for n in range(101)]

    for who, status in ((client, 429), (api, 200)):
        assert who.publish(repeatEvery=59).status == status
        assert who("POST", "/messaging/push/known", {"repeatEvery": 59}).status == status
        assert who.register(channels=many).status == status
    assert client.publish(repeatEvery=60).status == 200
    assert client.publish(repeatEvery=59).fault == (429, 999)
    assert client.register(channels=many[:100]).status == 200

    monkeypatch.setattr(upsert, "CHANNELS_OF_APP_MAX", 101 + 1)  # and the default one
    assert client.register("dev-2", channels=["new"]).fault == (429, 999)
    assert client.publish("new").fault == (429, 999)
    assert client.publish("c100").status == 200
    assert client.register("dev-2", channels=["c100"]).status == 200
    assert api.publish("new").status == 200


def test_a_key_and_an_app_publish_as_fast_as_they_may(
    settings: Settings, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_pace, "GATEWAYS_ASSUMED", 1)
    monkeypatch.setattr(shared_pace, "Pace", lambda: Pace(lambda: 0.0))  # no time goes by
    configure(app_id=APP, broker_url="redis://127.0.0.1:1/0")  # nor in Redis
    make_app()
    with running_gateway() as api:
        slow = key(api, "slow-key", scopes=["publish", "register"], publish_rate=1)
        assert [slow.publish().status for _ in range(2)] == [200, 200]
        late = [
            slow.publish(),
            slow("POST", "/messaging/users/u", {"message": "x"}),
            slow("POST", "/messaging/push/unknown", {}),
            slow("POST", "/messaging/push", {"message": "x", "name": "n"}),
        ]
        assert {answer.fault for answer in late} == {(429, 999)}
        assert {answer.headers["retry-after"] for answer in late} == {"1"}
        assert slow.register().status == 200
        assert {api.publish().status for _ in range(4)} == {200}

        rules(publish_rate=1)
        wait_until(lambda: api.publish().status == 429, what="the change of the rules")
