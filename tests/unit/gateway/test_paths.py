"""Paths as they are sent, split into what their prefix says and where they lead."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.errors import InvalidParameter
from push_pipeline.gateway.paths import Address, decode, split

ANY_NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("sent", "address", "path"),
    [
        ("/APP/KEY/messaging/a", Address("APP", "KEY"), "/messaging/a"),
        ("//APP/KEY/info", Address("APP", "KEY"), "/info"),
        ("/A%20P/K%2FY/info", Address("A P", "K/Y"), "/info"),
        ("/api/messaging/a%2Fb/c", Address(), "/messaging/a%2Fb/c"),
        ("/api/messaging/messaging", Address(), "/messaging/messaging"),
        ("/api/users/info", Address(), "/users/info"),
        ("/v1/messaging/registrations/a//b", Address(), "/messaging/registrations/a//b"),
        ("/messaging/a", Address(), "/messaging/a"),
        ("/APP/console/messaging/push", Address("APP"), "/console/messaging/push"),
        ("/healthz", Address(), "/healthz"),
        ("/sub/APP/KEY/messaging/d", Address("APP", "KEY"), "/messaging/d"),
        ("/a/b/APP/KEY/info", Address("APP", "KEY"), "/info"),
        ("/sub//APP/KEY/info", Address("APP", "KEY"), "/info"),
        ("/sub/api/messaging/d", Address(), "/messaging/d"),
        ("/sub//api/info", Address(), "/info"),
        ("/sub/APP/console/messaging/push", Address("APP"), "/console/messaging/push"),
        ("/A/K/messaging/console/messaging", Address("A", "K"), "/messaging/console/messaging"),
        ("/APP/console/elsewhere", Address(), "/APP/console/elsewhere"),
        ("/APP//info", Address("APP", ""), "/info"),
        ("/a/b/c/d", Address(), "/a/b/c/d"),
        ("/api/messaging/news/", Address(), "/messaging/news"),
        ("/api/messaging/message:1/ledger//", Address(), "/messaging/message:1/ledger"),
        ("/APP/console/messaging/channels/", Address("APP"), "/console/messaging/channels"),
        ("/api/messaging/registrations/dev/", Address(), "/messaging/registrations/dev/"),
        ("/api/messaging/users/", Address(), "/messaging/users/"),
        ("/api/messaging/push/", Address(), "/messaging/push/"),
        ("/data/APP/KEY/info", Address("APP", "KEY"), "/info"),
        ("/A/K/data/DeviceRegistration/find", Address("A", "K"), "/data/DeviceRegistration/find"),
        ("", Address(), "/"),
        ("///", Address(), "/"),
    ],
)
def test_a_prefix_is_taken_off(sent: str, address: Address, path: str) -> None:
    assert split(sent) == (address, path)


@given(app=ANY_NAME, key=ANY_NAME, name=ANY_NAME)
def test_any_names_come_out_as_they_were_put_in(app: str, key: str, name: str) -> None:
    sent = "/".join(["", "x" + quote(app, safe=""), quote(key, safe="") + "x", "messaging", ""])
    address, path = split(sent + quote(name, safe=""))

    assert address == Address("x" + app, key + "x")
    assert decode(path.removeprefix("/messaging/")) == name


@given(st.text(st.characters(max_codepoint=255)))
def test_any_parameter_is_decoded_or_refused(parameter: str) -> None:
    try:
        assert "\0" not in decode(parameter)
    except InvalidParameter as refused:
        assert refused.http_status == 400  # noqa: PT017 - either is right


def test_a_key_is_not_shown_by_an_address() -> None:
    assert "KEY" not in repr(split("/APP/KEY/info")[0])
