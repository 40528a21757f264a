"""Subscriptions: what is taken, and to whom a worker will ever connect."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, literal, select, union_all

from push_pipeline.errors import InvalidParameter
from push_pipeline.ledger.batches import provider_in_sql
from push_pipeline.platform import KNOWN_HOSTS, Vendor, provider_of, route_environment
from push_pipeline.web_push import (
    Origin,
    Subscription,
    check_endpoint,
    decoded,
    encoded,
    is_public,
    read_subscription,
)
from tests.unit.senders.browser import Browser


@pytest.mark.parametrize(
    ("endpoint", "vendor"),
    [
        ("https://fcm.googleapis.com/fcm/send/dJ9:APA91bF", Vendor.GOOGLE),
        ("https://updates.push.services.mozilla.com/wpush/v2/gAAA", Vendor.MOZILLA),
        ("https://web.push.apple.com/QGd_", Vendor.APPLE),
        ("https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%2fw%3d%3d", Vendor.MICROSOFT),
    ],
)
def test_the_browsers_push_services_are_known(endpoint: str, vendor: Vendor) -> None:
    found = read_subscription(Browser(endpoint).to_json(), KNOWN_HOSTS)
    assert found.origin.vendor is vendor
    assert f"{found.origin}{found.path}" == endpoint
    assert found.origin.port == 443
    assert Subscription.from_token(found.token) == found
    assert repr(found) == f"Subscription(origin={str(found.origin)!r})"  # the rest is a secret


@pytest.mark.parametrize(
    "endpoint",
    [
        None,
        "",
        7,
        "http://fcm.googleapis.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com:0/x",
        "https://fcm.googleapis.com:99999/x",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilfcm.googleapis.com/x",
        "https://push.apple.com.evil.example/x",
        "https://evilpush.apple.com/x",
        "https://me@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://fcm.googleapis.com/x#frag",
        "https://fcm.googleapis.com/x y",
        "https://fcm.googleapis.com/x\r\nhost: evil",
        "https://fcm.googleapis.com/\N{LATIN SMALL LETTER E WITH ACUTE}",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "https://example.com/x",
        "https://fcm.googleapis.com/" + "x" * 2000,
    ],
)
def test_no_other_endpoint_is_taken(endpoint: object) -> None:
    with pytest.raises(InvalidParameter, match="endpoint"):
        check_endpoint(endpoint, KNOWN_HOSTS)


def test_what_the_operator_allows() -> None:
    assert check_endpoint("https://push.example.org/x", ["*"])
    assert check_endpoint("https://up.example.org/x", ["*.example.org"])
    assert check_endpoint("https://127.0.0.1:8443/x", ["127.0.0.1:8443"])
    for endpoint, hosts in (
        ("https://10.0.0.1/x", ["*"]),
        ("https://push.example.org:8443/x", ["*"]),
        ("https://example.org/x", ["*.example.org"]),
        ("https://127.0.0.1:8444/x", ["127.0.0.1:8443"]),
        ("https://fcm.googleapis.com/x", []),
    ):
        with pytest.raises(InvalidParameter):
            check_endpoint(endpoint, hosts)
    assert Origin("127.0.0.1", 8443).is_trusted(["127.0.0.1:8443"])
    assert not Origin("push.example.org").is_trusted(["*"])


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (None, "endpoint and keys"),
        ({}, "p256dh must be 65 bytes"),
        ({"p256dh": "BA", "auth": "AAAAAAAAAAAAAAAAAAAAAA"}, "p256dh must be 65 bytes"),
        ({"p256dh": encoded(b"\4" + b"\1" * 64)}, "auth must be 16 bytes"),
        ({"p256dh": encoded(b"\4" + b"\1" * 64), "auth": "AAAA"}, "auth must be 16 bytes"),
        ({"p256dh": encoded(b"\4" + b"\1" * 64), "auth": encoded(b"a" * 16)}, "no point"),
        ({"p256dh": "not base64", "auth": 16}, "p256dh must be 65 bytes"),
    ],
)
def test_keys_that_nothing_could_be_encrypted_with(keys: object, wrong: str) -> None:
    given_ = {**Browser().to_json(), "keys": keys}
    with pytest.raises(InvalidParameter, match=wrong):
        read_subscription(given_, KNOWN_HOSTS)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07::1", True),
        ("64:ff9b::5db8:d70e", True),
        ("::ffff:93.184.215.14", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:db8::1", False),
        ("no address", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@given(st.binary(max_size=80))
def test_base64url_there_and_back(raw: bytes) -> None:
    if raw:
        assert decoded(encoded(raw)) == raw
        assert decoded(encoded(raw) + "=" * (-len(raw) % 3)) == raw


def test_sql_knows_the_provider_of_a_batch_as_python_does() -> None:
    environments = ("", "production", "sandbox", *(vendor.value for vendor in Vendor))
    asked = union_all(*(select(literal(one).label("name")) for one in environments))
    name = asked.subquery().c.name
    with create_engine("sqlite://").connect() as connection:
        found = dict(connection.execute(select(name, provider_in_sql(name))).all())
    assert found == {one: provider_of(one) for one in environments}
    assert set(found.values()) == {"apns", "fcm", "webpush"}


@pytest.mark.parametrize("vendor", Vendor)
def test_a_push_service_is_a_route_of_its_own(vendor: Vendor) -> None:
    assert route_environment("web", vendor.value, "production") == vendor.value
    assert provider_of(vendor.value) == "webpush"
