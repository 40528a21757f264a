"""A new PIPELINE_SECRET_KEY, by the steps of the runbook, while callers are answered."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest

from push_pipeline import db, models
from push_pipeline.clock import now_ms
from push_pipeline.credentials import reseal, seal, seal_text, unseal
from push_pipeline.directory.access import Access, TokenRules, put_access
from push_pipeline.directory.provider_routes import find_credential, list_routes, put_credential
from push_pipeline.directory.sealed import list_sealed, replace_sealed
from push_pipeline.settings import Settings
from tests.in_process import run_cli
from tests.integration.gateway_stand import APP, make_app, running_gateway
from tests.unit.senders.providers import apns_credential

pytestmark = pytest.mark.usefixtures("nobody_answers")

OLD, NEW = "the old key, as somebody wrote it", "0123456789abcdef0123456789abcdef"
CREDENTIAL = apns_credential()
SIGNING = "0123456789abcdef" * 4
RUNBOOK = (Path(__file__).parents[2] / "deploy" / "runbook.md").read_text()


@pytest.fixture
def configured(settings: Settings, configure: Callable[..., Settings]) -> Callable[[str], Settings]:
    """Set the secret key as a step of the runbook says it: `NEW,OLD`, `NEW`."""

    def become(said: str) -> Settings:
        keys = {"NEW": NEW, "OLD": OLD}
        return configure(app_id=APP, secret_key=",".join(keys[one] for one in said.split(",")))

    return become


@pytest.fixture
def sealed(configured: Callable[[str], Settings]) -> None:
    """An app with a credential and a key of user tokens, both sealed with the old key."""
    configured("OLD")
    make_app()
    with db.writing() as connection:
        put_credential(connection, APP, "apns", "production", seal(OLD, CREDENTIAL), 0)
        rules = Access(APP, token_rules=TokenRules(("HS256",)), token_key=seal_text(OLD, SIGNING))
        put_access(connection, rules, now_ms())


def doctor() -> dict[str, object]:
    found = json.loads(run_cli("doctor", "--json").stdout)
    (secret,) = [one for one in found if one["name"] == "secret key"]
    return secret


def test_the_runbooks_steps_replace_the_key_and_nobody_notices(
    sealed: None, configured: Callable[[str], Settings]
) -> None:
    said = re.findall(r"PIPELINE_SECRET_KEY=(\S+)`", RUNBOOK)
    assert said == ["NEW,OLD", "NEW"]
    command = re.search(r"`push-pipeline (keys rotate)` seals", RUNBOOK)
    assert command is not None
    user = jwt.encode({"sub": "user-1", "exp": time.time() + 600}, SIGNING, "HS256")

    configured(said[0])
    left = doctor()
    assert (left["ok"], f"{APP} apns production, {APP} user tokens" in str(left["says"])) == (
        True,
        True,
    )
    with running_gateway() as api:
        assert api("GET", "/info", user_token=user).status == 200
        done = run_cli(*command[1].split(), "--json")
        assert (done.returncode, json.loads(done.stdout)) == (
            0,
            {
                "resealed": [f"{APP} apns production", f"{APP} user tokens"],
                "current": [],
                "lost": [],
            },
        )
        assert api("GET", "/info", user_token=user).status == 200
    assert "all with the newest key" in str(doctor()["says"])
    with db.reading() as connection:
        (route,) = list_routes(connection, APP)
        assert route["version"] == 1  # workers keep their connections

    configured(said[1])
    assert doctor()["says"] == "2 sealed, all with the newest key"
    with running_gateway() as api:
        assert api("GET", "/info", user_token=user).status == 200
    with db.reading() as connection:
        stored = find_credential(connection, APP, "apns", "production")
    assert unseal(NEW, stored) == CREDENTIAL


def test_what_no_key_opens_is_named_and_left_as_it_is(
    sealed: None, configured: Callable[[str], Settings]
) -> None:
    configured("NEW")
    found = doctor()
    assert (found["ok"], found["says"]) == (
        False,
        f"none of the keys opens {APP} apns production, {APP} user tokens",
    )
    done = run_cli("keys", "rotate")
    assert done.returncode == 1
    assert f"{APP} user tokens: none of the keys opens it" in done.stderr
    configured("OLD")
    assert doctor()["says"] == "2 sealed, all with the newest key"


def test_what_was_stored_meanwhile_is_not_overwritten(sealed: None) -> None:
    with db.reading() as connection:
        found = list_sealed(connection)
    newer = seal(OLD, CREDENTIAL)
    with db.writing() as connection:
        put_credential(connection, APP, "apns", "production", newer, 0)
        assert not replace_sealed(connection, found[0], reseal(f"{NEW},{OLD}", found[0].value))
        assert find_credential(connection, APP, "apns", "production") == newer


def test_every_column_of_bytes_is_known_to_be_sealed_or_not() -> None:
    """A new one must be resealed as well, if it is sealed."""
    of_bytes = {
        f"{table.name}.{column.name}"
        for table in models.Table.metadata.tables.values()
        for column in table.columns
        if column.type.python_type is bytes
    }
    assert of_bytes == {
        "pipeline_api_key.key_hash",  # a hash
        "pipeline_app_access.token_key",  # sealed
        "pipeline_batch.blocks",  # which of its members were accepted
        "pipeline_batch.members",  # keys of devices
        "pipeline_console_session.token_hash",  # a hash
        "pipeline_credential.sealed",  # sealed
        "pipeline_dead_letter.body",  # of a queue
        "pipeline_message.fingerprint",  # a hash
    }
