"""Where a request goes: every form of a URL, names in paths, methods, other origins."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.access import Access, put_access
from push_pipeline.models import MESSAGE
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import APP, KEY, Answer, Client, make_app, running_gateway

ASKED_HEADERS = "content-type,user-token,application-id,secret-key,application-type,auth-key"


def stored_channel(answer: Answer) -> str:
    with db.reading() as connection:
        message_id = answer.body["messageId"]
        return connection.execute(
            select(MESSAGE.channel).where(MESSAGE.id == message_id)
        ).scalar_one()


def test_each_form_of_the_base_url_leads_to_the_app(api: Client, subtests: pytest.Subtests) -> None:
    with db.writing() as connection:
        put_access(connection, Access(APP, open_scopes=("publish",)), now_ms())
    ids, domain = f"/{APP}/{KEY}", "/api"
    cases = [ids, f"/{ids}", f"/sub{ids}", f"/sub/{ids}", f"/deep/down{ids}"]
    cases += [domain, f"/{domain}", f"/sub{domain}", f"/sub/{domain}", "/custom", ""]
    for prefix in cases:
        with subtests.test(prefix=prefix):
            info = api("GET", "/info", prefix=prefix)
            assert info.status == 200
            assert info.body == {
                "appId": APP,
                "apiKey": KEY if KEY in prefix else None,
                "loggers": [],
                "rtURL": None,
            }
            assert api("POST", "/messaging/default", {"message": 1}, prefix=prefix).status == 200


def test_ids_in_headers_are_as_good_as_ids_in_the_path(api: Client) -> None:
    ids = {"application_id": APP, "secret_key": KEY, "application_type": "REST"}
    assert api("DELETE", "/messaging/channels/x", prefix="/v1", **ids).fault == (400, 5010)
    assert api("DELETE", "/messaging/channels/x", prefix="/v1").fault == (400, 2000)
    ids["secret_key"] = "WRONG"
    assert api("GET", "/info", prefix="/v1", **ids).fault == (400, 2002)
    assert api("GET", "/info", prefix="/v1", application_id=APP).fault == (400, 2002)
    assert api("GET", "/info", prefix="/v1", secret_key=KEY).fault == (400, 8022)
    assert api("GET", "/info", **ids).status == 200  # ids in the path win


def test_with_a_key_a_body_needs_no_content_type_and_a_charset_does_no_harm(api: Client) -> None:
    for kind in ("application/json", "application/json; charset=utf-8", "text/plain", ""):
        answer = api("POST", "/messaging/default", {"message": "ünï"}, Content_Type=kind)
        assert answer.status == 200


def test_a_channel_in_the_path_is_decoded_once(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        ("my%20channel", "my channel"),
        ("%C3%BCn%C3%AF", "ünï"),
        ("a:b", "a:b"),
        ("a%3Ab", "a:b"),
        ("q%27", "q'"),
        ("a=b&c;d+e@f$g,h", "a=b&c;d+e@f$g,h"),
        ("a?b", "a"),
    ]
    for sent, name in cases:
        with subtests.test(sent=sent, name=name):
            assert stored_channel(api.publish(sent)) == name


def test_a_name_that_no_channel_may_have_is_refused(api: Client, subtests: pytest.Subtests) -> None:
    cases = [
        "a%2Fb",
        "a%5Cb",
        "a%3Fb",
        "a%23b",
        "a%25b",
        "a%0Ab",
        "channels",
        "registrations%20/x",
    ]
    for sent in cases:
        with subtests.test(sent=sent):
            status, code = api.publish(sent).fault
            assert (status, code) in {(400, 5044), (404, 8002), (405, 8002)}
            with db.reading() as connection:
                assert connection.execute(select(MESSAGE.id)).all() == []


def test_email_is_answered_as_not_configured(api: Client) -> None:
    assert api("POST", "/messaging/email", {"subject": "x"}).fault == (400, 5050)
    assert api("POST", "/emailtemplate/send", {"addresses": []}).fault == (400, 5050)


def test_what_leads_nowhere_is_answered_in_the_same_shape(
    api: Client, subtests: pytest.Subtests
) -> None:
    cases = [
        ("GET", "/nothing", (404, 8002)),
        ("GET", "/data/Users", (404, 8002)),
        ("PUT", "/log", (404, 8002)),
        ("POST", "/messaging", (404, 8002)),
        ("POST", "/messaging/", (404, 8002)),
        ("PATCH", "/messaging/default", (405, 8002)),
        ("PUT", "/messaging/registrations", (405, 8002)),
        ("GET", "/messaging/default/x", (404, 8002)),
    ]
    for method, path, fault in cases:
        with subtests.test(method=method, path=path, fault=fault):
            assert api(method, path).fault == fault


def test_every_path_tells_what_may_be_done_with_it(api: Client) -> None:
    cases = {
        "/info": "GET, OPTIONS",
        "/messaging/message:X": "GET, POST, DELETE, OPTIONS",
        "/messaging/registrations/a/b": "GET, DELETE, OPTIONS",
    }
    for path, allowed in cases.items():
        refused = api("PATCH", path)
        assert (refused.fault, refused.headers["allow"]) == ((405, 8002), allowed)
        told = api("OPTIONS", path)
        assert (told.status, told.headers["allow"], told.raw) == (204, allowed, b"")


def preflight(api: Client, path: str, origin: str = "https://shop.example") -> Answer:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ASKED_HEADERS,
    }
    return api("OPTIONS", path, **asked)


def test_a_web_page_may_ask_nothing_unless_its_origin_is_named(api: Client) -> None:
    for answer in (
        preflight(api, "/messaging/default"),
        api("GET", "/info", Origin="https://shop.example"),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_web_page_of_a_named_origin_may_ask_all(
    settings: Settings, configure: Callable[..., Settings], subtests: pytest.Subtests
) -> None:
    configure(app_id=APP, cors_origins="https://shop.example https://other.example")
    make_app()
    cases = ["/info", "/messaging/default", "/messaging/push/t", "/messaging/push"]
    cases += ["/messaging/pushtemplates", "/messaging/pushtemplates/IOS", "/messaging/message:X"]
    cases += ["/messaging/registrations", "/messaging/registrations/a/b", "/messaging/channels/x"]
    cases += ["/messaging/email", "/emailtemplate/send", "/users/u", "/console/messaging/push"]
    with running_gateway() as api:
        for path in cases:
            with subtests.test(path=path):
                allowed = preflight(api, path)
                assert allowed.status == 200
                assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
                methods = allowed.headers["access-control-allow-methods"].split(", ")
                assert set(methods) >= {"GET", "POST", "PUT", "DELETE", "OPTIONS"}
                assert allowed.headers["access-control-allow-headers"] == ASKED_HEADERS
        answered = api("GET", "/info", Origin="https://shop.example")
        assert answered.headers["access-control-allow-origin"] == "https://shop.example"
        assert "access-control-allow-origin" not in preflight(api, "/info", "null").headers
