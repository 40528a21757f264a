"""A push in many languages: each device gets the text that its locale chooses."""

import json

from push_pipeline import db, publish, push_with_template, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.templates import PUSH, put_template
from push_pipeline.directory.users import put_users
from push_workers.delivery import process
from tests.installation import APP, Installation
from tests.statements import statements_from_here_on

HELLO = {"de": "Hallo", "pt-BR": "Oi", "default": "Hello"}
LOCALES = {1: "de_AT", 2: "pt-BR", 3: "pt-PT", 4: None}
SAID = {1: "Hallo", 2: "Oi", 3: "Hello", 4: "Hello"}


def ios(number: int) -> str:
    return f"{number:064x}"


def android(number: int) -> str:
    return f"q{number:021d}:APA91b{'z' * 134}"


def register(installation: Installation) -> None:
    for number, locale in LOCALES.items():
        installation.register([ios(number)], locale=locale)
        installation.register([android(number)], "ANDROID", locale=locale)


def documents(installation: Installation) -> dict[str, dict]:
    """Return what each token got: APNs' document, or FCM's data map."""
    shown = {}
    for entry in installation.simulator.log():
        body = json.loads(entry["body"])
        shown[entry["token"]] = body if "aps" in body else body["message"]["data"]
    return shown


def test_each_device_gets_the_text_that_its_locale_chooses(installation: Installation) -> None:
    register(installation)
    headers = {
        "ios-alert-title": {"de": "Küche", "default": "Kitchen"},
        "android-content-title": {"de-AT": "Kuchl", "default": "Kitchen"},
    }

    message_id = publish("news", HELLO, {"headers": headers}).message_id
    run = installation.work(message_id)

    assert run["accepted"] == run["audience"] == 8
    got = documents(installation)
    assert {n: got[ios(n)]["aps"]["alert"]["body"] for n in LOCALES} == SAID
    assert {n: got[android(n)]["message"] for n in LOCALES} == SAID
    titles = {n: got[ios(n)]["aps"]["alert"]["title"] for n in LOCALES}
    assert titles == {1: "Küche", 2: "Kitchen", 3: "Kitchen", 4: "Kitchen"}
    assert got[android(1)]["android-content-title"] == "Kuchl"
    assert got[android(2)]["android-content-title"] == "Kitchen"
    assert status(message_id)["status"] == "published"


def test_the_words_of_users_stand_in_the_text_of_their_language(
    installation: Installation,
) -> None:
    with db.writing() as connection:
        put_users(connection, APP, {"ann": {"name": "Ann", "city": "Wien"}}, now_ms())
    installation.register([ios(1)], locale="de-AT", userId="ann")
    installation.register([ios(2)], locale="en", userId="ann")
    said = {"de": "{x} {Users.name} aus {Users.city}", "default": "Hi {Users.name}"}

    installation.work(publish("news", said, {"templateValues": {"x": "Servus"}}).message_id)

    got = documents(installation)
    assert got[ios(1)]["message"] == "Servus Ann aus Wien"
    assert got[ios(2)]["message"] == "Hi Ann"


def test_a_batch_asks_once_for_locales_and_renders_each_language_once(
    installation: Installation, monkeypatch
) -> None:
    for number in range(60):
        installation.register([ios(number)], locale=("de", "pt-BR", "en")[number % 3])
    message_id = publish("news", HELLO).message_id
    rendered: list[str] = []

    def render_for(provider):
        def render(content, *args, **named):
            rendered.append(content.text)
            return real(provider)(content, *args, **named)

        return render

    real = process.render_for
    monkeypatch.setattr(process, "render_for", render_for)
    asked = statements_from_here_on()
    run = installation.work(message_id)

    assert run["accepted"] == 60
    assert len([one for one in asked if "SELECT" in one and ".locale" in one]) == 1
    assert sorted(rendered) == ["Hallo", "Hello", "Oi"]


def test_a_stored_template_speaks_the_languages_of_its_texts(installation: Installation) -> None:
    register(installation)
    body = {
        "name": "hello",
        "channelName": "news",
        "message": {"de": "Hallo {n}", "pt_BR": "Oi {n}", "default": "Hello {n}"},
        "options": {"ios": {"alertTitle": {"de": "Küche", "default": "Kitchen"}}},
    }
    with db.writing() as connection:
        put_template(connection, APP, PUSH, PUSH.read(body), now_ms())

    run = installation.work(push_with_template("hello", {"n": 7}).message_id)

    assert run["accepted"] == 8
    got = documents(installation)
    assert {n: got[ios(n)]["aps"]["alert"]["body"] for n in LOCALES} == {
        n: f"{text} 7" for n, text in SAID.items()
    }
    assert {n: got[android(n)]["message"] for n in LOCALES} == {
        n: f"{text} 7" for n, text in SAID.items()
    }
    assert got[ios(1)]["aps"]["alert"]["title"] == got[ios(1)]["ios-alert-title"] == "Küche"
