"""The shop's own tests, on a database of their own: `manage.py test`."""

import json
import os
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import redis
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client, TestCase, TransactionTestCase, override_settings

import push_pipeline
from push_pipeline import db, default_app, migrations
from push_pipeline.contrib.django import publish, publish_on_commit
from push_pipeline.contrib.django.checks import check_settings
from push_pipeline.contrib.django.models import Channel, Device, Run
from push_pipeline.contrib.django.models import Message as Pushed
from push_pipeline.engines import make_engine
from push_pipeline.errors import (
    DedupeKeyReused,
    EmptyMessage,
    StrictRefusal,
    UnknownApp,
)
from push_pipeline.settings import get_settings
from push_pipeline.testing import record
from push_workers.testing import inline
from shop.models import Order
from shop.views import PaymentRefused

BROKER = os.environ["SHOP_BROKER"]


def woken() -> int:
    """Take the wake-ups that went out."""
    with redis.Redis.from_url(BROKER) as client:
        key = "push:publish"
        found = client.llen(key)
        client.delete(key)
    return found


class Broken(Exception):
    pass


class Transactions(TransactionTestCase):
    """What is published in `atomic()` is part of that transaction."""

    def setUp(self):
        default_app.sync(get_settings())  # as after `migrate`; these tests empty all tables
        woken()

    def tearDown(self):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM pipeline_app")

    def test_a_rolled_back_order_pushes_nothing(self):
        with self.assertRaises(Broken), transaction.atomic():
            Order.objects.create(buyer="7")
            publish("news", "Thank you")
            raise Broken
        self.assertEqual((Order.objects.count(), Pushed.objects.count(), woken()), (0, 0, 0))

    def test_workers_hear_of_it_after_the_commit(self):
        with transaction.atomic():
            receipt = publish("news", "Thank you", {"headers": {"ios-sound": "bell"}})
            self.assertEqual(woken(), 0)
            self.assertEqual(push_pipeline.status(receipt.message_id)["status"], "scheduled")
        self.assertEqual((Pushed.objects.count(), woken()), (1, 1))
        self.assertEqual(Pushed.objects.get().content["headers"], {"ios-sound": "bell"})
        self.assertEqual(Run.objects.get().message_id, receipt.message_id)

    def test_a_savepoint_takes_its_push_with_it(self):
        with transaction.atomic():
            publish("news", "stays")
            with self.assertRaises(Broken), transaction.atomic():
                publish("news", "goes")
                raise Broken
        self.assertEqual([one.content["message"] for one in Pushed.objects.all()], ["stays"])
        self.assertEqual(woken(), 1)

    def test_what_is_refused_leaves_the_transaction_usable(self):
        with transaction.atomic():
            Order.objects.create(buyer="7")
            with self.assertRaises(EmptyMessage):
                publish("news", None)
            publish("news", "after it")
        self.assertEqual((Order.objects.count(), Pushed.objects.count()), (1, 1))

    def test_outside_of_a_transaction_it_is_committed_at_once(self):
        publish("news", "now")
        self.assertEqual((Pushed.objects.count(), woken()), (1, 1))
        publish_on_commit("news", "now as well")
        self.assertEqual((Pushed.objects.count(), woken()), (2, 1))

    def test_other_calls_are_part_of_it_as_well(self):
        with self.assertRaises(Broken), transaction.atomic():
            push_pipeline.register_device("d1", "1" * 64, "IOS", userId="7", properties={"a": 1})
            receipt = push_pipeline.publish("news", "later", None, {"publish_at": in_an_hour()})
            push_pipeline.cancel(receipt.message_id)
            self.assertEqual(push_pipeline.status(receipt.message_id)["status"], "cancelled")
            raise Broken
        self.assertEqual((Device.objects.count(), Pushed.objects.count()), (0, 0))

    def test_an_order_s_view_and_a_refused_payment(self):
        self.client.post("/buy/", {"buyer": "7"})
        with self.assertRaises(PaymentRefused):
            self.client.post("/buy/", {"buyer": "8", "refused": "yes"})
        self.assertEqual((Order.objects.count(), Pushed.objects.count(), woken()), (1, 1, 1))
        self.assertEqual(Pushed.objects.get().delivery_options["pushUsers"], ["7"])

    def test_an_asynchronous_view(self):
        self.assertIn("messageId", self.client.get("/buy-async/").json())
        self.assertEqual(woken(), 1)

    def test_pushes_are_recorded_but_for_those_that_are_rolled_back(self):
        with record() as pushes:
            self.client.post("/buy/", {"buyer": "7"})
            with self.assertRaises(PaymentRefused):
                self.client.post("/buy/", {"buyer": "8", "refused": "yes"})
            self.client.get("/buy-async/")
        self.assertEqual([push.users for push in pushes], [("7",), ()])
        self.assertEqual((Order.objects.count(), Pushed.objects.count(), woken()), (1, 0, 0))

    def test_json_reads_as_before_on_the_shared_connection(self):
        publish("news", "x")
        with connection.cursor() as cursor:
            cursor.execute("SELECT content FROM pipeline_message")
            self.assertIsInstance(cursor.fetchone()[0], str)  # Django's own adapter is in place


class InATestCase(TestCase):
    """Tests inside a transaction that never commits."""

    def test_what_a_commit_would_wake(self):
        with self.captureOnCommitCallbacks() as waiting:
            publish("news", "x")
        self.assertEqual((len(waiting), Pushed.objects.count()), (1, 1))

    def test_a_push_to_its_end(self):
        push_pipeline.register_device("d1", "1" * 64, "IOS", userId="7")
        with inline() as provider:
            with self.captureOnCommitCallbacks(execute=True):
                receipt = publish(None, "Hello", users=["7"])
            provider.run()
        self.assertEqual(push_pipeline.status(receipt.message_id)["runs"][0]["accepted"], 1)
        self.assertEqual([sent.token for sent in provider.sent], ["1" * 64])

    def test_checks_name_what_is_wrong(self):
        for wrong, found in [
            ({"BROKER": BROKER}, "push_pipeline.E001"),
            ({"DATABASE": "other", "BROKER_URL": BROKER}, "push_pipeline.E002"),
            ({"BROKER_URL": "ftp://x"}, "push_pipeline.E001"),
            ({}, "push_pipeline.E005"),
        ]:
            with override_settings(PUSH_PIPELINE=wrong), self.assertRaisesMessage(Exception, found):
                call_command("check")

    def test_models_refuse_to_write(self):
        with self.assertRaises(NotImplementedError):
            Channel(app_id="shop", name="x", created_at=0).save()

    def test_the_command_line(self):
        with self.assertRaisesMessage(CommandError, "push nonsense failed"):
            call_command("push", "nonsense")


class Cookbook(TestCase):
    """The cookbook's recipes for Django, as they stand there."""

    def cook(self, title):
        book = (Path(__file__).parents[4] / "deploy" / "cookbook.md").read_text()
        code = book.partition(f"\n## {title}\n")[2].partition("```python\n")[2].partition("```")[0]
        names = {}
        exec(compile(code, "cookbook.md", "exec", dont_inherit=True), names)
        return names

    def test_an_order_is_paid(self):
        pay = self.cook("An order is paid: tell its buyer")["pay"]
        pushes = self.enterContext(record())
        order = Order(buyer="7")
        pay(order)
        pushes.assert_pushed(users="7", message=f"Order {order.pk} is paid", count=1)
        with self.assertRaises(Broken), transaction.atomic():
            pay(Order(buyer="8"))
            raise Broken
        self.assertEqual((len(pushes), Order.objects.count()), (1, 1))

    def test_a_password_was_changed(self):
        change_password = self.cook("A password was changed: tell the account's devices")
        user = get_user_model().objects.create_user("anna", password="secret")
        push_pipeline.register_device("d1", "1" * 64, "IOS", userId=str(user.pk))
        with inline() as provider:
            with self.captureOnCommitCallbacks(execute=True):
                change_password["change_password"](user, "a new one")
            provider.run()
        [sent] = provider.sent
        self.assertEqual(sent.payload["aps"]["interruption-level"], "time-sensitive")
        self.assertTrue(user.check_password("a new one"))


class Apart(unittest.TestCase):
    """The pipeline has another database than the shop: by URL, or as one more of Django's.

    None of Django's test cases: they know the databases of the settings only.
    """

    def setUp(self):
        folder = Path(self.enterContext(TemporaryDirectory()))
        self.url = f"sqlite:///{folder}/apart.db"
        migrations.upgrade(make_engine(self.url))
        connections.settings["apart"] = {
            **connections.settings["default"],
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / "apart.db"),
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
        self.addCleanup(self.forget_the_other)
        self.addCleanup(Order.objects.all().delete)
        woken()

    def both(self):
        """Yield for each way to be apart."""
        for where in ({"DATABASE_URL": self.url}, {"DATABASE": "apart"}):
            with self.subTest(where=[*where]):
                with override_settings(
                    PUSH_PIPELINE={"BROKER_URL": BROKER, "APP_ID": "shop", **where}
                ):
                    default_app.sync(get_settings())
                    yield
                db.dispose()

    def forget_the_other(self):
        connections["apart"].close()
        del connections["apart"]
        del connections.settings["apart"]

    def test_it_is_written_after_the_commit_and_was_told_its_id_before(self):
        for _ in self.both():
            with transaction.atomic():
                receipt = publish("news", "Thank you")
                plain = push_pipeline.publish("news", "Thank you")
                self.assertEqual(push_pipeline.status(receipt.message_id)["status"], "unknown")
            for told in (receipt, plain):
                found = push_pipeline.status(told.message_id)
                self.assertEqual((found["status"], told.status), ("scheduled", "scheduled"))
            self.assertEqual(woken(), 2)

    def test_what_is_rolled_back_is_not_written(self):
        for _ in self.both():
            with self.assertRaises(Broken), transaction.atomic():
                receipt = publish("news", "Thank you")
                publish_on_commit("news", "Thank you")
                raise Broken
            self.assertEqual(push_pipeline.status(receipt.message_id)["status"], "unknown")
            self.assertEqual(woken(), 0)

    def test_what_is_wrong_is_said_at_once(self):
        for _ in self.both():
            said = publish("news", "Thank you", dedupe_key="paid-7")
            with transaction.atomic():
                again = publish("news", "Thank you", dedupe_key="paid-7")
                with self.assertRaises(EmptyMessage):
                    publish("news", None)
                with self.assertRaises(DedupeKeyReused):
                    publish("news", "Another", dedupe_key="paid-7")
                with self.assertRaises(UnknownApp):
                    publish("news", "x", app="nobody")
                with self.assertRaises(StrictRefusal):
                    publish("empty", "x", strict=True)
            self.assertEqual((again.message_id, again.replayed), (said.message_id, True))

    def test_what_cannot_be_written_then_is_logged_and_spoils_nothing(self):
        with override_settings(
            PUSH_PIPELINE={"BROKER_URL": BROKER, "APP_ID": "shop", "DATABASE_URL": self.url}
        ):
            default_app.sync(get_settings())
            with self.assertLogs("push_pipeline", "ERROR") as logged, transaction.atomic():
                Order.objects.create(buyer="7")
                receipt = publish("news", "Thank you")
                with db.writing() as ours:
                    ours.exec_driver_sql("ALTER TABLE pipeline_message RENAME TO away")
            self.assertIn(f"{receipt.message_id} is lost", logged.output[0])
            self.assertEqual(Order.objects.count(), 1)
            db.dispose()

    def test_the_check_says_so(self):
        with override_settings(PUSH_PIPELINE={"BROKER_URL": BROKER, "DATABASE_URL": self.url}):
            found = {one.id: one.msg for one in check_settings()}
        self.assertIn("written after the commit", found["push_pipeline.I001"])


class Views(TestCase):
    """An app registers its device with the user of its session."""

    def setUp(self):
        self.user = get_user_model().objects.create_user("anna", password="secret")
        self.device = {"deviceId": "d1", "deviceToken": "1" * 64, "os": "IOS", "userId": "999"}

    def post(self, path, fields):
        return self.client.post(path, json.dumps(fields), content_type="application/json")

    def test_a_device_is_its_user_s_until_the_logout(self):
        self.assertEqual(self.post("/push/devices/", self.device).status_code, 401)
        self.client.force_login(self.user)
        self.assertEqual(self.post("/push/devices/", self.device).status_code, 200)
        self.assertEqual(Device.objects.get().user_id, str(self.user.pk))
        self.client.logout()
        self.assertIsNone(Device.objects.get().user_id)

    def test_nobody_removes_another_s_device(self):
        self.client.force_login(self.user)
        self.post("/push/devices/", self.device)
        other = Client()
        other.force_login(get_user_model().objects.create_user("bob", password="secret"))
        self.assertEqual(other.delete("/push/devices/d1/").json()["code"], 2000)
        self.assertEqual(self.client.delete("/push/devices/d1/").status_code, 200)
        self.assertFalse(Device.objects.exists())

    def test_a_body_that_is_none_is_refused_with_the_api_s_code(self):
        self.client.force_login(self.user)
        for fields, code in [([], 5005), ({"os": "IOS"}, 5011), ({**self.device, "os": "x"}, 8008)]:
            self.assertEqual(self.post("/push/devices/", fields).json()["code"], code, fields)

    def test_a_message_s_ledger_is_for_who_may_see_it(self):
        receipt = publish("news", "x")
        self.client.force_login(self.user)
        path = f"/push/messages/{receipt.message_id}/"
        self.assertEqual(self.client.get(path).status_code, 400)
        self.client.force_login(get_user_model().objects.create_superuser("root"))
        self.assertEqual(self.client.get(path).json()["status"], "scheduled")


class Admin(TestCase):
    """Read-only lists, a chart, and actions for who may."""

    def setUp(self):
        self.root = get_user_model().objects.create_superuser("root", password="secret")
        self.client.force_login(self.root)
        push_pipeline.register_device("d1", "1" * 64, "IOS", userId="7", channels=["news"])
        self.receipt = publish("news", "Hello", None, {"publish_at": in_an_hour()})

    def test_every_list_and_row_is_shown(self):
        for name in ("run", "device", "channel", "template"):
            page = self.client.get(f"/admin/push_pipeline/{name}/")
            self.assertEqual(page.status_code, 200, name)
        self.assertNotContains(self.client.get("/admin/push_pipeline/device/"), "1" * 64)
        run = Run.objects.get()
        self.assertContains(self.client.get(f"/admin/push_pipeline/run/{run.pk}/change/"), "Hello")
        self.assertEqual(self.client.get("/admin/push_pipeline/run/add/").status_code, 403)

    def test_whole_values_are_found(self):
        for name, term in [("device", "d1"), ("device", "7"), ("channel", "news")]:
            page = self.client.get(f"/admin/push_pipeline/{name}/", {"q": term})
            self.assertContains(page, term)
            page = self.client.get(f"/admin/push_pipeline/{name}/", {"q": term + "x"})
            self.assertContains(page, "0 results")
        bare = self.receipt.message_id.removeprefix("message:")
        self.assertContains(self.client.get("/admin/push_pipeline/run/", {"q": bare}), bare)

    def test_actions_need_their_permission(self):
        chosen = {"action": "cancel", "_selected_action": [Run.objects.get().pk]}
        viewer = get_user_model().objects.create_user("viewer", is_staff=True)
        from django.contrib.auth.models import Permission

        viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        self.client.force_login(viewer)
        self.client.post("/admin/push_pipeline/run/", chosen)
        self.assertEqual(Pushed.objects.get().state, "scheduled")
        self.client.force_login(self.root)
        self.client.post("/admin/push_pipeline/run/", chosen)
        self.assertEqual(Pushed.objects.get().state, "cancelled")


def in_an_hour():
    return int(time.time() + 3600) * 1000
