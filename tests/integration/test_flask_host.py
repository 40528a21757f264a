"""A Flask application that the pipeline lives in."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url
from sqlalchemy.orm import scoped_session, sessionmaker

import push_pipeline
from push_pipeline import errors, publish, queues, register_device, status, unregister_device
from push_pipeline.contrib.flask import PushPipeline, conf
from push_pipeline.host import join
from push_pipeline.settings import get_settings
from push_pipeline.testing import Outbox
from push_workers.testing import inline
from tests.hosts.flask_shop.shop import Order, create_app, db, push

SHOP = Path(__file__).parents[1] / "hosts" / "flask_shop"


@pytest.fixture
def config(database_url: str, broker_url: str) -> dict[str, str]:
    return {
        "SQLALCHEMY_DATABASE_URI": database_url,
        "PUSH_APP_ID": "shop",
        "PUSH_BROKER_URL": broker_url,
    }


@pytest.fixture
def shop(config: dict[str, str]) -> Iterator[Flask]:
    """The shop, with its tables and an app to publish in."""
    app = create_app(config)
    with app.app_context():
        db.create_all()
        push.migrate()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    queues.forget()
    push_pipeline.db.dispose()
    join(None)


@pytest.fixture
def context(shop: Flask) -> Iterator[None]:
    with shop.app_context():
        yield


def rows(table: str) -> int:
    return db.session.scalar(db.text(f"SELECT count(*) FROM {table}"))


def orders_messages_wakes(shop: Flask) -> tuple[int, int, int]:
    with shop.app_context():
        orders = db.session.scalar(db.select(db.func.count(Order.id)))
        return orders, rows("pipeline_message"), queues.backlog(queues.PUBLISH)


def test_an_order_s_request_and_a_refused_payment(shop: Flask) -> None:
    client = shop.test_client()
    assert client.post("/buy", data={"buyer": "8", "refused": "yes"}).status_code == 409
    assert orders_messages_wakes(shop) == (0, 0, 0)
    message_id = client.post("/buy", data={"buyer": "7"}).json["messageId"]
    assert orders_messages_wakes(shop) == (1, 1, 1)
    with shop.app_context():
        assert status(message_id)["status"] == "scheduled"


def test_an_asynchronous_view(shop: Flask) -> None:
    assert "messageId" in shop.test_client().post("/buy-async").json
    assert orders_messages_wakes(shop) == (1, 1, 1)


def test_a_publish_that_is_never_committed_is_told_of(
    shop: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "push_pipeline")
    client = shop.test_client()
    client.post("/buy", data={"buyer": "8", "refused": "yes"})
    client.post("/buy", data={"buyer": "7"})
    assert caplog.messages == []
    client.post("/forget")
    assert [one.action for one in caplog.records] == ["publish_forgotten"]
    assert orders_messages_wakes(shop) == (1, 1, 1)


def test_pushes_are_recorded_but_for_those_of_a_request_that_fails(
    shop: Flask, pushes: Outbox
) -> None:
    client = shop.test_client()
    client.post("/buy", data={"buyer": "8", "refused": "yes"})
    pushes.assert_nothing_pushed()
    client.post("/buy", data={"buyer": "7"})
    client.post("/buy-async")
    assert [push.users for push in pushes] == [("7",), ()]
    assert orders_messages_wakes(shop) == (2, 0, 0)


@pytest.mark.usefixtures("context")
def test_a_savepoint_takes_its_push_with_it(shop: Flask) -> None:
    publish("news", "stays")
    savepoint = db.session.begin_nested()
    publish("news", "goes")
    savepoint.rollback()
    assert queues.backlog(queues.PUBLISH) == 0
    db.session.commit()
    assert orders_messages_wakes(shop) == (0, 1, 1)


@pytest.mark.usefixtures("context")
def test_all_calls_are_part_of_the_session_s_transaction() -> None:
    register_device("d1", "1" * 64, "IOS", channels=["news"], userId="7")
    receipt = publish("news", "later", None, {"publish_at": "2099-01-01T00:00:00Z"})
    push_pipeline.cancel(receipt.message_id)
    assert status(receipt.message_id)["status"] == "cancelled"
    db.session.rollback()
    assert (rows("pipeline_device"), rows("pipeline_message")) == (0, 0)


@pytest.mark.usefixtures("context")
def test_a_push_to_the_end_in_the_test_s_own_transaction() -> None:
    register_device("d1", "1" * 64, "IOS", userId="7")
    with inline() as provider:
        receipt = push_pipeline.push_to_user("7", "Hello")
        db.session.commit()
        provider.run()
    assert status(receipt.message_id)["runs"][0]["accepted"] == 1
    db.session.rollback()
    assert status(receipt.message_id)["runs"][0]["accepted"] == 0


@pytest.mark.usefixtures("context")
def test_what_is_refused_leaves_the_transaction_usable(shop: Flask) -> None:
    db.session.add(Order(buyer="7"))
    with pytest.raises(errors.UnknownApp):
        publish("news", "x", app="nobody")
    publish("news", "after it")
    db.session.commit()
    assert orders_messages_wakes(shop) == (1, 1, 1)


@pytest.mark.usefixtures("context")
def test_nothing_is_left_of_a_device_that_is_removed() -> None:
    """Flask-SQLAlchemy's SQLite does not check foreign keys."""
    register_device("d1", "1" * 64, "IOS", channels=["news"])
    register_device("d2", "1" * 64, "IOS", channels=["news"])
    unregister_device("d2")
    db.session.commit()
    assert (rows("pipeline_device"), rows("pipeline_subscription")) == (0, 0)


def test_outside_of_every_context_it_is_committed_at_once(shop: Flask) -> None:
    publish("news", "now")
    assert orders_messages_wakes(shop) == (0, 1, 1)


def test_a_hint_names_the_command_of_the_host(config: dict[str, str], tmp_path: Path) -> None:
    apart = create_app({**config, "PUSH_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"})
    with apart.app_context(), pytest.raises(errors.SchemaMissing, match="run `flask push migrate`"):
        status("message:1")
    push_pipeline.db.dispose()


def test_a_database_of_its_own_has_transactions_of_its_own(
    shop: Flask, config: dict[str, str]
) -> None:
    apart = create_app({**config, "PUSH_DATABASE_URL": config["SQLALCHEMY_DATABASE_URI"]})
    with apart.app_context():
        publish("news", "now")
        assert queues.backlog(queues.PUBLISH) == 1
        db.session.remove()
        db.engine.dispose()


def test_sessions_that_are_no_extension_s(config: dict[str, str], shop: Flask) -> None:
    engine = create_engine(config.pop("SQLALCHEMY_DATABASE_URI"))
    sessions = scoped_session(sessionmaker(engine))
    app = Flask("plain")
    app.config.from_mapping(config)
    PushPipeline(app, session=sessions)
    with app.app_context():
        publish("news", "goes")
        sessions.rollback()
        publish("news", "stays")
        sessions.commit()
    sessions.remove()
    engine.dispose()
    assert orders_messages_wakes(shop) == (0, 1, 1)


def test_a_device_is_its_user_s_until_the_logout(shop: Flask) -> None:
    client = shop.test_client()
    device = {"deviceId": "d/1", "deviceToken": "1" * 64, "os": "IOS", "userId": "999"}
    assert client.post("/push/devices/", json=device).status_code == 401
    client.get("/login/7")
    assert client.post("/push/devices/", json=device).json == {"registered": True}
    with shop.app_context():
        owner = db.text("SELECT user_id FROM pipeline_device")
        assert db.session.scalar(owner) == "7"
        db.session.rollback()
        client.get("/logout")
        assert db.session.scalar(owner) is None


def test_nobody_removes_another_s_device(shop: Flask) -> None:
    client = shop.test_client()
    client.get("/login/7")
    client.post("/push/devices/", json={"deviceId": "d1", "deviceToken": "1" * 64, "os": "IOS"})
    client.get("/login/8")
    assert client.delete("/push/devices/d1/").json["code"] == 2000
    client.get("/login/7")
    assert client.delete("/push/devices/d1/").status_code == 200
    with shop.app_context():
        assert rows("pipeline_device") == 0


def test_a_body_that_is_none_is_refused_with_the_api_s_code(shop: Flask) -> None:
    client = shop.test_client()
    client.get("/login/7")
    for body, code in [("[", 5005), ("[]", 5005), ('{"os": "IOS"}', 5011)]:
        said = client.post("/push/devices/", data=body, content_type="application/json")
        assert said.json["code"] == code


def test_a_form_of_another_site_registers_nothing_for_who_is_signed_in(shop: Flask) -> None:
    client = shop.test_client()
    client.get("/login/7")
    device = '{"deviceId": "d1", "deviceToken": "' + "1" * 64 + '", "os": "IOS"}'
    for sent_by_a_form in ("text/plain", "application/x-www-form-urlencoded"):
        said = client.post("/push/devices/", data=device, content_type=sent_by_a_form)
        assert (said.status_code, said.json["code"]) == (400, 5005)
    with shop.app_context():
        assert rows("pipeline_device") == 0


def test_a_message_s_ledger_is_for_who_may_see_it(shop: Flask) -> None:
    client = shop.test_client()
    page = "/push/messages/" + client.post("/buy", data={"buyer": "7"}).json["messageId"] + "/"
    client.get("/login/7")
    assert (client.get(page).status_code, client.get(page).json["code"]) == (400, 2000)
    client.get("/login/root")
    assert client.get(page).json["status"] == "scheduled"


def test_two_applications_have_settings_of_their_own(shop: Flask, config: dict[str, str]) -> None:
    other = create_app({**config, "PUSH_BATCH_SIZE": 10})
    with other.app_context():
        assert get_settings().batch_size == 10
        db.engine.dispose()
    with shop.app_context():
        assert get_settings().batch_size == 1000
        assert make_url(get_settings().database_url) == make_url(config["SQLALCHEMY_DATABASE_URI"])
    with pytest.raises(errors.SetupError, match="already"):
        push.init_app(other)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"PUSH_BROKER": "redis://x"},
            "PUSH_BROKER: there is no such setting, did you mean PUSH_BRO",
        ),
        ({"PUSH_BATCH_SIZE": 0}, "PUSH_BATCH_SIZE: it should be greater"),
        ({"PUSH_BROKER_URL": ""}, "PUSH_BROKER_URL is not set"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_wrong_in_the_configuration_is_named_as_it_is_written(
    config: dict[str, str], wrong: dict[str, object], said: str
) -> None:
    app = create_app({**config, **wrong, "PUSH_NOTIFICATIONS_ENABLED": "of somebody else"})
    with app.app_context(), pytest.raises(errors.SettingsError, match=said):
        publish("news", "x")
    join(None)


def test_a_database_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(
        errors.SettingsError, match="mysql cannot be shared; give PUSH_DATABASE_URL"
    ):
        conf.database_url(make_url("mysql://shop@localhost/shop"))
    shared = conf.database_url(make_url("postgresql+psycopg2://shop:p%40s@localhost/shop"))
    assert shared == "postgresql://shop:p%40s@localhost/shop"


def test_the_whole_command_line_has_the_settings_of_the_host(
    config: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in config.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    flask = [sys.executable, "-m", "flask", "--app", "shop", "push"]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*flask, *words], cwd=SHOP, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == (2 if words == ("nonsense",) else 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "is up to date" in run("migrate")
    assert '"status": "scheduled"' in run("publish", "news", "Hello", "--json")
    assert "no such command" in run("nonsense").lower()


def test_a_start_of_the_host_imports_nothing_heavy() -> None:
    asked = (
        "import sys; from flask import Flask; from push_pipeline.contrib.flask import PushPipeline;"
        "PushPipeline(Flask('x')); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not {"sqlalchemy", "celery", "kombu", "pydantic", "cryptography"} & set(loaded)
