"""Moments without an offset are read by a zone; all else is left as it is."""

import pytest

from push_pipeline.gateway.local_times import OF_PUBLISH, in_zone


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2030-07-01T09:00:00.000", "2030-07-01T09:00:00+02:00"),
        ("2030-01-01 09:00", "2030-01-01T09:00:00+01:00"),
        ("2030-03-31T02:30:00.000000", "2030-03-31T03:00:00+02:00"),
        ("2030-10-27T02:30:00", "2030-10-27T02:30:00+02:00"),
    ],
)
def test_a_local_time_is_read_by_the_zone_and_said(told: str, moment: str) -> None:
    body, warnings = in_zone({"publishAt": told, "message": told}, OF_PUBLISH, "Europe/Berlin")

    assert body == {"publishAt": moment, "message": told}
    assert [str(one) for one in warnings] == [
        "publishAt: has no time zone, so it was read by the app's: Europe/Berlin"
    ]


@pytest.mark.parametrize(
    "told",
    ["2030-07-01T09:00Z", "2030-07-01", "0001-01-01T00:00", "soon", "1893456000000", 7, None, ""],
)
def test_what_is_no_local_time_is_left_to_who_reads_it(told: object) -> None:
    assert in_zone({"publishAt": told}, OF_PUBLISH, "Europe/Berlin") == ({"publishAt": told}, [])


def test_a_zone_that_this_machine_does_not_know_is_utc() -> None:
    body, _ = in_zone({"repeatExpiresAt": "2030-07-01T09:00"}, OF_PUBLISH, "Mars/Olympus")
    assert body == {"repeatExpiresAt": "2030-07-01T09:00:00+00:00"}
