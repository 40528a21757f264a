"""A small shop that tells its buyers when an order is paid: `gunicorn 'shop:create_app()'`."""

from flask import Flask, abort, redirect, render_template, request, session, url_for
from flask_sqlalchemy import SQLAlchemy
from werkzeug import Response

from push_pipeline import push_to_user
from push_pipeline.contrib.flask import PushPipeline

db = SQLAlchemy()
push = PushPipeline()


class Order(db.Model):
    """Something that a user has ordered, and maybe paid."""

    id = db.mapped_column(db.Integer, primary_key=True)
    buyer = db.mapped_column(db.String(80), nullable=False)
    item = db.mapped_column(db.String(80), nullable=False)
    paid = db.mapped_column(db.Boolean, nullable=False, default=False)


def create_app() -> Flask:
    """Make the shop of what SHOP_… and PIPELINE_… say in the environment."""
    app = Flask(__name__)
    app.config.from_prefixed_env("SHOP")
    app.config.setdefault("PUSH_APP_ID", "shop")
    app.config.setdefault("PUSH_SECRET_KEY", app.config["SECRET_KEY"])
    db.init_app(app)
    push.init_app(app)
    app.register_blueprint(push.blueprint(lambda: session.get("user")), url_prefix="/push")
    app.add_url_rule("/", view_func=orders, methods=["GET", "POST"])
    app.add_url_rule("/orders/<int:number>/pay", view_func=pay, methods=["POST"])
    app.add_url_rule("/login", view_func=login, methods=["GET", "POST"])
    app.cli.command("create-tables")(create_tables)
    return app


def create_tables() -> None:
    """Create the shop's tables; `flask push migrate` creates those of the pipeline."""
    db.create_all()


def login() -> Response | str:
    """Take anybody's word for who they are: an example has no passwords."""
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect(url_for("orders"))
    return render_template("login.html")


def orders() -> Response | str:
    """List the user's orders, or take a new one."""
    user = session.get("user")
    if user is None:
        return redirect(url_for("login"))
    if request.method == "POST":
        db.session.add(Order(buyer=user, item=request.form["item"]))
        db.session.commit()
        return redirect(url_for("orders"))
    mine = db.select(Order).filter_by(buyer=user).order_by(Order.id.desc())
    return render_template("orders.html", user=user, orders=db.session.scalars(mine))


def pay(number: int) -> Response:
    """Mark an order as paid, and say so: the row and the push are one transaction."""
    wanted = db.select(Order).filter_by(id=number, buyer=session.get("user")).with_for_update()
    order = db.session.scalar(wanted) or abort(404)
    if not order.paid:
        order.paid = True
        push_to_user(order.buyer, f"{order.item}: paid, and on its way")
        db.session.commit()
    return redirect(url_for("orders"))
