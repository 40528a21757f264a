"""Where a drill is refused: a real provider is never met on purpose."""

import pytest

from push_pipeline.cli.drills import DRILLS, find_drill
from push_pipeline.cli.staging import is_real
from push_pipeline.errors import NotForDrills


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("api.push.apple.com", ["17.188.1.1"]),
        ("fcm.googleapis.com", ["10.0.0.1"]),  # whatever a name server makes of it
        ("OAuth2.Googleapis.com.", []),
        ("push.example.com", ["203.0.114.7", "10.0.0.1"]),
        ("203.0.114.7", ["203.0.114.7"]),
        ("nowhere.example", []),
        ("somewhere.example", ["2001:4860:4860::8888"]),
    ],
)
def test_what_may_be_a_provider_is_taken_for_one(host: str, addresses: list[str]) -> None:
    assert is_real(host, addresses)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ["127.0.0.1"]),
        ("localhost", ["::1", "127.0.0.1"]),
        ("simulator", ["172.18.0.4"]),
        ("notapple.company", ["192.168.1.4"]),
    ],
)
def test_what_is_on_a_private_network_is_a_stand_in(host: str, addresses: list[str]) -> None:
    assert not is_real(host, addresses)


@pytest.mark.parametrize("name", [name for name, one in DRILLS.items() if not one.anywhere])
def test_what_breaks_processes_is_not_for_staging(name: str) -> None:
    assert find_drill(name)
    with pytest.raises(NotForDrills, match="offered there: token-endpoint-outage"):
        find_drill(name, staging=True)
