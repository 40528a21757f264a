"""JSON is parsed and copied with its numbers as they were written."""

from types import MappingProxyType

import pytest

from push_pipeline.cli.publishing import publish as publish_command
from push_pipeline.content import Content
from push_pipeline.errors import InvalidParameter
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.options.json_values import copy_json, parse_json
from push_pipeline.options.properties import check_properties
from push_pipeline.platform import Platform

BIG = 123_456_789_012_345_678_901_234_567_890
NOT_NUMBERS = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("number", [7, 2**63, 2**64, -(2**63) - 1, BIG, 10**300, 0.1, 1e300])
def test_a_number_stays_what_it_is(number: float) -> None:
    assert parse_json("it", f'{{"n": [{number}], "1": "{"9" * 30}"}}'.encode())["n"] == [number]
    assert copy_json("it", {"n": (number,)}) == {"n": [number]}
    headers = PublishOptions(headers=MappingProxyType({"n": number})).headers
    assert headers["n"] == number
    assert check_properties("it", {"n": number}) == {"n": number}
    assert Content.from_publish({"n": number}, dict(headers)).headers["n"] == number


def test_an_integer_reaches_the_device_in_all_its_digits() -> None:
    made = Content.from_publish("x", dict(PublishOptions(headers={"id": BIG}).headers))
    assert made.for_android("m1")["id"] == str(BIG)
    assert made.for_apple(Platform.IOS, "m1")["id"] == BIG
    assert PublishOptions(template_values={"id": BIG}).template_values == {"id": str(BIG)}


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "Infinity", "1e999", "-1E400"])
def test_a_text_with_a_number_that_is_none_says_so(text: str) -> None:
    with pytest.raises(InvalidParameter, match=f"it: {text} is no number of JSON"):
        parse_json("it", f'{{"a": [1, {text}]}}'.encode())
    with pytest.raises(InvalidParameter, match=f"ios-raw: {text} is no number of JSON"):
        Content.from_publish("x", {"ios-raw": f'{{"a": {text}}}'})


@pytest.mark.parametrize("number", NOT_NUMBERS)
def test_a_value_with_a_number_that_is_none_is_refused(number: float) -> None:
    for make in (
        lambda: PublishOptions(headers={"a": [{"b": number}]}),
        lambda: PublishOptions(template_values={"a": number}),
        lambda: check_properties("it", {"a": (number,)}),
        lambda: Content.from_publish({"a": number}),
    ):
        with pytest.raises(InvalidParameter, match="is no number of JSON"):
            make()


@pytest.mark.parametrize("odd", [{1: "x"}, {1: BIG}, {"a": {1: BIG}}, {"a": object()}, {BIG, 1}])
def test_what_is_no_json_is_refused(odd: object) -> None:
    with pytest.raises(InvalidParameter):
        copy_json("it", odd)


@pytest.mark.parametrize("text", ["{", "", "[" * 5000, '{"a": "\\ud800"}', "12 NaN"])
def test_what_is_no_json_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_json("it", text.encode())
    assert not isinstance(raised.value, InvalidParameter)


def test_more_digits_than_anybody_reads_are_refused() -> None:
    for digits in (310, 5000):
        with pytest.raises(InvalidParameter, match=r"it: 1{20} is no number of JSON"):
            parse_json("it", b"1" * digits)
    with pytest.raises(InvalidParameter):
        copy_json("it", 10**5000)


def test_a_moment_or_a_mask_of_any_size_is_refused_as_such() -> None:
    for options in ({"publish_at": 10**400}, {"ttl": 10**400}, {"push_broadcast": 10**400}):
        with pytest.raises(Exception, match="between") as raised:
            DeliveryOptions(**options)
        assert raised.value.code in {5030, 8008}
    assert Content.from_publish("x", {"ios-badge": 10**400}).warnings()


def test_a_message_from_the_shell_is_read_the_same() -> None:
    with pytest.raises(InvalidParameter, match="the message: NaN is no number of JSON"):
        publish_command("news", "[NaN]", json_message=True)
