"""A shop on one database with the pipeline; what SHOP_… says in the environment is its config."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, abort, request, session
from flask_sqlalchemy import SQLAlchemy

from push_pipeline import apublish, publish, push_to_user
from push_pipeline.contrib.flask import PushPipeline

db = SQLAlchemy()
push = PushPipeline()


class Order(db.Model):
    """An order of a user."""

    id = db.mapped_column(db.Integer, primary_key=True)
    buyer = db.mapped_column(db.String(40))


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the shop."""
    app = Flask("shop")
    app.secret_key = "the shop's own"
    app.config.from_prefixed_env("SHOP")
    app.config.from_mapping(config or {})
    db.init_app(app)
    push.init_app(app)
    pages = push.blueprint(
        lambda: session.get("user"), may_read=lambda _: session["user"] == "root"
    )
    app.register_blueprint(pages, url_prefix="/push")
    app.add_url_rule("/login/<user>", view_func=login)
    app.add_url_rule("/logout", view_func=logout)
    app.add_url_rule("/buy", view_func=buy, methods=["POST"])
    app.add_url_rule("/buy-async", view_func=buy_async, methods=["POST"])
    app.add_url_rule("/forget", view_func=forget, methods=["POST"])
    return app


def login(user: str) -> str:
    session["user"] = user
    return user


def logout() -> str:
    push.unlink_device()
    session.clear()
    return "bye"


def buy() -> dict[str, str]:
    """An order is paid: the row and the push are one transaction."""
    order = Order(buyer=request.form["buyer"])
    db.session.add(order)
    receipt = push_to_user(order.buyer, "Your order is on its way")
    if "refused" in request.form:
        abort(409)
    db.session.commit()
    return {"messageId": receipt.message_id}


async def buy_async() -> dict[str, str]:
    db.session.add(Order(buyer="7"))
    receipt = await apublish("offers", "Somebody bought")
    db.session.commit()
    return {"messageId": receipt.message_id}


def forget() -> str:
    """A commit is missing here."""
    return publish("offers", "Nobody hears of this").message_id
