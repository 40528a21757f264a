"""What `doctor --security` says of an app, of addresses and of files."""

from pathlib import Path

import pytest

from push_pipeline.cli.security import files_of, is_near, is_this_machine, of_app
from push_pipeline.directory.access import Access, TokenRules
from push_pipeline.directory.apps import KeyView
from push_pipeline.directory.scopes import SCOPES
from push_pipeline.settings import Settings


def test_an_app_that_nothing_was_said_of_is_closed() -> None:
    said = [finding.says for finding in of_app(Access("shop"), [])]
    assert said == [
        "shop: closed without a key",
        "shop: 0 keys",
        "shop: changed by whoever knows their id",
        "shop: none are taken",
    ]


def test_what_is_open_in_an_app_is_said_in_words_without_a_key() -> None:
    access = Access(
        "shop",
        hosts=("push.shop.example",),
        open_scopes=("publish", "read"),
        token_rules=TokenRules(("RS256", "ES256"), jwks_url="https://id.example/keys"),
        device_proof=True,
    )
    keys = [KeyView("shop", "1234", SCOPES), KeyView("shop", "abcd", ("register",))]
    assert [finding.says for finding in of_app(access, keys)] == [
        "shop: anybody may publish, read, at push.shop.example",
        "shop: 2 keys; with all scopes those that end in 1234",
        "shop: changed by who shows their token",
        "shop: RS256 or ES256 by https://id.example/keys",
    ]


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("", True),
        ("localhost", True),
        ("/var/run/postgresql", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("[::1]", True),
        ("10.0.0.7", False),
        ("db.example", False),
        ("localhost.example", False),
    ],
)
def test_what_stays_on_this_machine_is_told_from_what_does_not(host: str, near: bool) -> None:
    assert is_this_machine(host) is near


def test_a_broker_is_near_when_all_of_it_is() -> None:
    assert is_near("redis://:secret@127.0.0.1:6379/0")
    assert is_near("redis+socket:///run/redis.sock")
    assert not is_near("redis://127.0.0.1/0;redis://10.0.0.7/0")


def test_the_files_with_secrets_are_those_of_the_settings(configure) -> None:
    settings: Settings = configure(
        database_url="sqlite:////data/pipeline.db", fcm_service_account_file="account.json"
    )
    assert files_of(settings, "/data/pipeline.db") == [
        Path("account.json"),
        *map(Path, (".env", "var")),
        *map(Path, ("/data/pipeline.db", "/data/pipeline.db-wal", "/data/pipeline.db-shm")),
    ]
