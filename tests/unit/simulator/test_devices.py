"""What a user sees: storage and replacement as APNs and FCM document them."""

from push_workers.simulator.devices import Device, Registry
from push_workers.simulator.messages import Push

NOW = 1000.0


def screen(registry: Registry, token: str = "t", topic: str = "app") -> dict:
    return registry.show(token)[topic]


def deliver(registry: Registry, text: str, collapse: str = "", expires_at: float | None = None):
    registry.deliver("t", "app", Push(text.encode(), collapse, expires_at), NOW)


def registered(**fields) -> Registry:
    registry = Registry()
    registry.register(Device(token="t", **fields), NOW)
    return registry


def texts(registry: Registry) -> list[str]:
    return [shown["payload"] for shown in screen(registry)["shown"]]


def test_apns_keeps_one_for_an_offline_device_and_drops_what_has_expired():
    registry = registered(online=False)
    deliver(registry, "first")
    deliver(registry, "second", expires_at=NOW + 5)
    registry.register(Device(token="t"), NOW + 10)

    assert texts(registry) == []
    assert screen(registry)["lost"] == 2


def test_fcm_keeps_one_per_collapse_key_and_all_without():
    registry = registered(provider="fcm", online=False)
    for text, collapse in (("a1", "a"), ("x", ""), ("a2", "a"), ("b", "b"), ("y", "")):
        deliver(registry, text, collapse)
    registry.register(Device(token="t", provider="fcm"), NOW)

    assert texts(registry) == ["x", "a2", "b", "y"]


def test_expiration_zero_is_never_stored():
    registry = registered(online=False)
    deliver(registry, "now or never", expires_at=0)
    registry.register(Device(token="t"), NOW)

    assert texts(registry) == []


def test_topics_have_screens_of_their_own_and_strangers_have_none():
    registry = registered()
    deliver(registry, "x")
    registry.deliver("t", "other", Push(b"y", "", None), NOW)
    registry.deliver("stranger", "app", Push(b"z", "", None), NOW)

    assert set(registry.show("t")) == {"app", "other"}
    assert registry.show("stranger") == {}
