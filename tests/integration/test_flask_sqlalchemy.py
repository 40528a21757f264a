"""Publishing in the session of a real Flask-SQLAlchemy, whose database is ours as well."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from push_pipeline import publish, queues, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings


@pytest.fixture
def host(settings: Settings, configure: Callable[..., Settings]) -> Iterator[Flask]:
    """A Flask application on the database of the pipeline, with an app to publish in."""
    configure(app_id="APP-1")
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    database = SQLAlchemy(app)
    with app.app_context():
        database.create_all()
        ensure_app(database.session.connection(), "APP-1", "The tests' app", now_ms())
        database.session.commit()
        yield app
        database.session.remove()
        database.engine.dispose()
    queues.forget()


@pytest.fixture
def db(host: Flask) -> SQLAlchemy:
    return host.extensions["sqlalchemy"]


def woken() -> int:
    return queues.backlog(queues.PUBLISH)


def test_a_request_s_own_commit_wakes_and_no_other_one(host: Flask, db: SQLAlchemy) -> None:
    receipt = publish("news", "hello", session=db.session)

    with ThreadPoolExecutor(1) as another_request:
        another_request.submit(commit_something, host, db).result()
    assert woken() == 0
    db.session.commit()
    assert woken() == 1
    db.session.execute(db.text("SELECT 1"))
    db.session.commit()
    assert woken() == 1
    assert status(receipt.message_id)["status"] == "scheduled"


def commit_something(host: Flask, db: SQLAlchemy) -> None:
    with host.app_context():
        db.session.execute(db.text("SELECT 1"))
        db.session.commit()


def test_a_savepoint_s_commit_wakes_nobody_yet(db: SQLAlchemy) -> None:
    with db.session.begin_nested():
        publish("news", "hello", session=db.session)
    assert woken() == 0
    db.session.commit()
    assert woken() == 1


def test_what_a_savepoint_takes_back_is_not_woken(db: SQLAlchemy) -> None:
    kept = publish("news", "stays", session=db.session)
    outer = db.session.begin_nested()
    with db.session.begin_nested():
        dropped = publish("news", "goes", session=db.session)
    outer.rollback()
    db.session.commit()

    assert woken() == 1
    assert status(kept.message_id)["status"] == "scheduled"
    assert status(dropped.message_id)["status"] == "unknown"


@pytest.mark.parametrize("end", ["rollback", "remove", "close"])
def test_a_transaction_that_is_given_up_wakes_nobody_later(db: SQLAlchemy, end: str) -> None:
    publish("news", "hello", session=db.session)
    session = db.session()
    getattr(db.session, end)()
    session.execute(db.text("SELECT 1"))
    session.commit()
    assert woken() == 0
    publish("news", "hello", session=session)
    session.commit()
    assert woken() == 1
    session.close()
