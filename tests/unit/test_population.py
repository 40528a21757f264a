"""Device lists: tokens of real shapes, the troubles asked for, the same bytes again."""

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.devices.registration import check_registration
from push_workers.simulator import magic
from push_workers.simulator.population import TROUBLES, Mix, population

DATA = Path(__file__).parents[1] / "data"

#: How each list in tests/data was made: `python -m push_workers.simulator.population …`
LISTS = {
    "ordinary-200.ndjson": "--count 200 --seed 7 --channel default --channel news=0.5",
    "troubled-2000.ndjson": "--count 2000 --seed 11 --dead 0.03 --foreign 0.01 --malformed 0.01"
    " --throttled 0.005 --failing 0.005 --slow 0.002 --cut 0.002",
}

SHAPES = {
    "ANDROID": re.compile(r"[\w-]{22}(:APA91b[\w-]{134})?", re.ASCII),
    "IOS": re.compile(r"([0-9a-f]{64}|[0-9a-f]{80}|[0-9a-f]{160})"),
    "OSX": re.compile(r"([0-9a-f]{64}|[0-9a-f]{80}|[0-9a-f]{160})"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_shipped_list_is_what_its_command_prints(name):
    command = [sys.executable, "-m", "push_workers.simulator.population", *LISTS[name].split()]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=DATA.parents[1])
    assert printed.stdout == (DATA / name).read_bytes()


def test_browsers_are_at_the_push_service_that_is_named():
    hosts = ("localhost:8443",)
    devices = list(population(500, 3, Mix(web=0.3, web_url="https://localhost:8443")))
    browsers = [device for device in devices if device["os"] == "WEB"]
    assert len(browsers) == pytest.approx(150, rel=0.3)
    for browser in browsers:
        assert check_registration(browser, 0, hosts).kind == "web"


@given(seed=st.integers())
def test_the_same_seed_gives_the_same_devices(seed):
    mix = Mix(troubles={"dead": 0.5})
    assert list(population(5, seed, mix)) == list(population(5, seed, mix))


def test_every_token_has_the_shape_of_a_real_one_and_is_there_once():
    devices = list(population(3000, 1, Mix(troubles={"dead": 0.1})))
    for device in devices:
        assert SHAPES[device["os"]].fullmatch(device["deviceToken"])
    assert len({device["deviceToken"] for device in devices}) == 3000
    assert len({device["deviceId"] for device in devices}) == 3000


def test_the_three_lengths_of_apns_tokens_and_both_kinds_of_fcm_targets_are_there():
    devices = list(population(3000, 1, Mix()))
    lengths = Counter((device["os"], len(device["deviceToken"])) for device in devices)
    assert lengths["IOS", 64] > lengths["IOS", 160] > lengths["IOS", 80] > 0
    assert lengths["ANDROID", 163] > lengths["ANDROID", 22] > 0
    assert lengths["OSX", 64] > 0


def test_a_registration_takes_every_device():
    for device in population(500, 3, Mix(troubles=dict.fromkeys(TROUBLES, 0.1))):
        kept = check_registration(device, now=0)
        assert kept.token == device["deviceToken"]


def test_an_ordinary_token_never_means_anything_to_the_simulator():
    for device in population(20_000, 2, Mix(channels={})):
        provider = "fcm" if device["os"] == "ANDROID" else "apns"
        assert magic.action(provider, device["deviceToken"], 0.0) is None


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_is_as_frequent_as_asked_and_means_something_to_both_providers(name):
    devices = list(population(5000, 4, Mix(troubles={name: 0.1})))
    troubled = [device for device in devices if device["deviceToken"].startswith(TROUBLES[name])]
    assert len(troubled) == pytest.approx(500, rel=0.2)
    for prefix in TROUBLES[name]:
        for provider in ("apns", "fcm"):
            assert magic.action(provider, prefix + "0" * 60, 1.0) is not None


def test_channels_and_users_are_as_frequent_as_asked():
    devices = list(population(5000, 5, Mix(users=0.3, channels={"all": 1.0, "news": 0.25})))
    channels = Counter(name for device in devices for name in device["channels"])
    assert channels["all"] == 5000
    assert channels["news"] == pytest.approx(1250, rel=0.1)
    users = Counter(device["userId"] for device in devices if device["userId"])
    assert users.total() == pytest.approx(1500, rel=0.1)
    assert max(users.values()) > 1  # one user has several devices


def test_the_list_is_streamed_and_not_built_first():
    endless = population(10**12, 6, Mix())
    assert json.dumps(next(endless))
