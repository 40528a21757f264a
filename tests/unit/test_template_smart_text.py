"""Smart text is filled once, and a value of it is nothing but text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.errors import InvalidParameter, MissingParameter, PayloadTooLarge
from push_pipeline.template.smart_text import FILLED_MAX, SmartText, check, fill, fill_clause
from push_pipeline.template.wording import Wording
from push_pipeline.whereclause import parse_clause
from push_pipeline.whereclause.conditions import All, Like, OneOf

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
tricky = texts | st.sampled_from(
    ["{a}", "{Users.a}", "\\{a}", "\\", "'", "''", "' OR os='IOS", "{"]
)


def test_variables_of_a_push_are_filled_and_those_of_users_are_left() -> None:
    text = fill("Hi {Users.name}, {what} in {Users.home.city}", {"what": "rain"})
    assert text.parts == ("Hi ", "name", ", rain in ", "home.city", "")
    assert text.columns == ("name", "home.city")
    assert text.with_words({"name": "Ann", "home.city": "Oslo"}) == "Hi Ann, rain in Oslo"
    assert str(text) == "Hi {Users.name}, rain in {Users.home.city}"


def test_no_more_is_filled_than_a_push_could_ever_hold() -> None:
    values = {"a": "x" * 1_000}
    for text in ("{a}" * 66, "{a}" * 100_000, "y" * (FILLED_MAX + 1), "{Users.a}" * 10_000):
        with pytest.raises(PayloadTooLarge):
            fill(text, values)
    with pytest.raises(PayloadTooLarge):
        fill_clause("user.a = '" + "{a}" * 100_000 + "'", values)
    with pytest.raises(PayloadTooLarge):
        Wording.fill("hello", {f"h{n}": "{a}" * 10 for n in range(1_000)}, values)
    assert len(fill("{a}" * 60, values).parts[0]) == 60_000


def test_a_missing_value_is_named() -> None:
    with pytest.raises(MissingParameter, match=re.escape("{city}")) as caught:
        fill("{name} in {city}", {"name": "Ann"})
    assert caught.value.code == 8007


@pytest.mark.parametrize("variable", ["{User.name}", "{users.name}", "{a.b}"])
def test_a_variable_with_a_dot_is_one_of_users(variable: str) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(variable)):
        fill(variable, {})
    with pytest.raises(InvalidParameter, match=re.escape(variable)):
        check(variable)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ a }",
        "{1a}",
        "{a-b}",
        "{a.}",
        "{.a}",
        "{ä}",
        "{a",
        "a}",
        '{"a":1}',
        "{{",
        "{Users.}",
    ],
)
def test_what_is_no_variable_is_text(text: str) -> None:
    assert fill(text, {}).parts == (text,)


def test_a_backslash_before_a_brace_makes_it_text() -> None:
    assert fill(r"\{a} {a} \{Users.b} \\{a} \a \{", {"a": "A"}).parts == (
        r"{a} A {Users.b} \{a} \a {",
    )


@given(before=texts, value=tricky, after=texts)
def test_a_value_is_never_filled_again(before: str, value: str, after: str) -> None:
    before, after = (text.replace("{", "").replace("\\", "") for text in (before, after))
    assert fill(f"{before}{{a}}{after}", {"a": value}).parts == (before + value + after,)
    own = fill("{a}{Users.x}{a}", {"a": value})
    assert own.parts == (value, "x", value)
    assert own.with_words({"x": "{a}{Users.x}"}) == value + "{a}{Users.x}" + value


@given(parts=st.lists(texts | names.map("{{Users.{}}}".format), max_size=6))
def test_every_text_without_own_variables_survives(parts: list[str]) -> None:
    text = "".join(part.replace("{", "") if "Users" not in part else part for part in parts)
    text = text.replace("\\", "")
    assert str(fill(text, {})) == text


@given(value=tricky)
def test_no_value_breaks_out_of_its_quotes_in_a_segment(value: str) -> None:
    condition = parse_clause(fill_clause("deviceId = '{a}'", {"a": value}))
    assert isinstance(condition, OneOf)
    assert [literal.text for literal in condition.values] == [value]


@given(value=tricky.filter(lambda text: not text.isdecimal()))
def test_outside_of_quotes_only_a_number_is_put_into_a_segment(value: str) -> None:
    clause = "user.name = 'O''Brien' AND user.age > {a}"
    assert fill_clause(clause, {"a": "-12.5"}) == clause.replace("{a}", "-12.5")
    with pytest.raises(InvalidParameter, match="inside quotes"):
        fill_clause(clause, {"a": value})


def test_a_segment_has_no_words_of_the_device_s_user() -> None:
    with pytest.raises(InvalidParameter, match=re.escape("user.<column>")):
        fill_clause("user.age = '{Users.age}'", {})


def test_text_without_variables_asks_for_no_column() -> None:
    assert fill("plain", {"unused": "x"}) == SmartText(("plain",))


@given(value=tricky | st.text(alphabet="%_\\'a", max_size=8))
@pytest.mark.parametrize(
    ("clause", "pattern"),
    [
        ("user.name LIKE '{a}'", "{}"),
        ("user.name NOT like\n'%{a}_'", "%{}_"),
        ("user.like = '%' AND user.name LIKE'it''s {a}%'", "it's {}%"),
    ],
)
def test_a_value_in_a_pattern_is_text_and_the_rest_stays_a_pattern(
    clause: str, pattern: str, value: str
) -> None:
    condition = parse_clause(fill_clause(clause, {"a": value}))
    like = condition.parts[-1] if isinstance(condition, All) else condition
    assert isinstance(like, Like)
    escaped = "".join(f"\\{one}" if one in "\\%_" else one for one in value)
    assert like.pattern == pattern.format(escaped)


@pytest.mark.parametrize(
    "clause",
    [
        "user.like = '{a}'",
        "user.name LIKE 'x%' AND user.b = '{a}'",
        "user.a = 'I like' AND user.b = '{a}'",
        "user.unlike='like '' {a}'",
    ],
)
def test_a_value_that_is_no_pattern_is_put_in_as_it_is(clause: str) -> None:
    assert fill_clause(clause, {"a": "100%_\\"}) == clause.replace("{a}", "100%_\\")
