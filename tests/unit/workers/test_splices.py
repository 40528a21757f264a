"""A user's words stand between the pieces of a rendered body, whatever both are."""

import json

from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.platform import Platform
from push_workers.delivery.personalise import (
    EMPTY,
    TOO_LARGE,
    Marks,
    Prepared,
    Said,
    ToAll,
    words_of,
)
from push_workers.senders.base import Rendered

#: Words that may be alike, blank, too long, in need of escapes, or have what stands between them.
WORDS = st.sampled_from(["", " \n", "Ann", "\x7f", "Zo\x7fë", 'a "b" \\', "x" * 30]) | st.text(
    max_size=9
)
PAIRS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6)


def columns(pairs: list[tuple[str, str]]) -> list[list[str]]:
    return [list(column) for column in zip(*pairs, strict=True)]


@given(st.text(), st.text(), PAIRS, st.sampled_from(Platform))
def test_words_stand_in_the_text_as_they_are(
    before: str, after: str, pairs: list[tuple[str, str]], platform: Platform
) -> None:
    marks = Marks(["city", "name"])
    said = "{0}" + marks.words["name"] + "{1}" + marks.words["name"] + "{1}"
    body = json.dumps({"100 %d": said.replace("{0}", before).replace("{1}", after)}).encode()
    splice = marks.splice(body, platform, (len(body), len(body) + 1000), frozenset())

    told = splice.bodies(len(pairs), columns(pairs))

    assert told.refused == {}
    shown = [json.loads(one)["100 %d"] for one in told.made]
    assert shown == [f"{before}{word}{after}{word}{after}" for _, word in pairs]


@given(PAIRS, st.booleans(), st.sampled_from(Platform))
def test_who_gets_no_text_or_too_long_a_one_is_refused_and_all_others_are_told(
    pairs: list[tuple[str, str]], needed: bool, platform: Platform
) -> None:
    marks = Marks(["city", "name"])
    body = json.dumps({"a": "-".join(marks.words.values())}).encode()
    room = len(b'{"a": "') + 12 + len(b'-"}')
    splice = marks.splice(body, platform, (len(body), room), {"city", "name"} if needed else {})

    told = splice.bodies(len(pairs), columns(pairs))

    written = [json.dumps(pair, ensure_ascii=False)[1:-1] for pair in pairs]  # "city", "name"
    counted = [len("".join(pair).encode()) for pair in pairs]
    if platform is not Platform.ANDROID:
        counted = [len(one.encode()) - len('"", ""') for one in written]
    refused = {
        n: EMPTY if needed and not "".join(pair).strip() else TOO_LARGE
        for n, pair in enumerate(pairs)
        if counted[n] > 12 or (needed and not "".join(pair).strip())
    }
    assert told.refused == refused
    shown = [json.loads(one)["a"] for one in told.made]
    assert shown == ["-".join(pair) for n, pair in enumerate(pairs) if n not in refused]


@given(st.lists(st.tuples(st.sampled_from(["default", "de", "fr"]), WORDS), max_size=8))
def test_each_device_gets_its_words_in_its_language(told: list[tuple[str, str]]) -> None:
    marks = Marks(["name"])
    splices = {}
    for language in ("default", "de", "fr"):
        body = json.dumps({"a": f"{language} {marks.words['name']}"}).encode()
        size = len(body), len(f'{{"a": "{language} "}}') + 12
        splices[language] = marks.splice(body, Platform.ANDROID, size, frozenset())
    prepared = Prepared(Rendered(b"", Platform.ANDROID), splices)
    to_all = ToAll(
        {n: language for n, (language, _) in enumerate(told) if language != "default"},
        [{n: word for n, (_, word) in enumerate(told) if word}],
    )

    bodies = prepared.bodies(to_all.to(range(len(told))))

    long = {n: TOO_LARGE for n, (_, word) in enumerate(told) if len(word.encode()) > 12}
    assert bodies.refused == long
    shown = [json.loads(one)["a"] for one in bodies.made]
    assert shown == [
        f"{language} {word}" for n, (language, word) in enumerate(told) if n not in long
    ]


def test_some_of_the_devices_are_told_what_they_were_told_among_all() -> None:
    said = Said(3, ["de", "fr", "default"], [["a", "b", "c"], ["1", "2", "3"]])

    assert said.only([0, 2]) == Said(2, ["de", "default"], [["a", "c"], ["1", "3"]])
    assert said.only([0, 1, 2]) == said
    assert Said(2).only([1]) == Said(1, (), [])


def test_what_is_no_text_is_told_as_json_and_what_is_not_there_as_nothing() -> None:
    values = {1: "Ann", 2: None, 3: 5, 4: 1.5, 5: True, 6: {"a": [None, "é"]}, 7: 2**70}
    words = words_of(values)
    assert list(words) == list(values)
    assert list(words.values()) == ["Ann", "", "5", "1.5", "true", '{"a":[null,"é"]}', str(2**70)]


def test_words_have_the_room_that_the_marks_leave() -> None:
    marks = Marks(["name"])
    body = json.dumps({"a": marks.words["name"]}).encode()
    splice = marks.splice(body, Platform.IOS, (len(body), len(b'{"a": "1234"}')), frozenset())

    told = splice.bodies(4, [["1234", "12345", '12"', '123"']])

    assert told.made == [b'{"a": "1234"}', b'{"a": "12\\""}']
    assert told.refused == {1: TOO_LARGE, 3: TOO_LARGE}
