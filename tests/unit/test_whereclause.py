"""Where clauses are read, or refused at the column of the fault."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.errors import InvalidWhereClause
from push_pipeline.whereclause import parse_clause
from push_pipeline.whereclause.conditions import All, AnyOf, IsNull, Like, OneOf, Ordered, negate
from push_pipeline.whereclause.parser import DEPTH_MAX, LENGTH_MAX


@pytest.mark.parametrize(
    ("clause", "column", "hint"),
    [
        ("", 1, "a column"),
        ("os", 3, "a comparison"),
        ("os = ", 6, "a value"),
        ("os NOT = 'IOS'", 8, "LIKE or IN or BETWEEN"),
        ("os = 'IOS", 6, "closing quote"),
        ("os = 'O'Brien'", 9, "AND or OR"),
        ('os = "IOS"', 6, "a value"),
        ("os == 'IOS'", 5, "a value"),
        ("os = 'IOS' osVersion", 12, "AND or OR"),
        ("os = 'IOS' AND", 15, "a column"),
        ("(os = 'IOS'", 12, "closing parenthesis"),
        ("os = 'IOS')", 11, "the end"),
        ("os IN ()", 8, "a value"),
        ("os IN ('IOS' 'OSX')", 14, "a comma"),
        ("os = NULL", 6, "IS NULL"),
        ("os IS 5", 7, "NULL"),
        ("os LIKE 5", 9, "a value"),
        ("os LIKE 'a\\'", 9, "backslash"),
        ("model = 'x'", 1, "no such column"),
        ("user = 'x'", 1, "no such column"),
        ("OS = 'x'", 1, "no such column"),
        ("os.name = 'x'", 1, "no such column"),
        ("os = 'IOS' AND (user.a = 1 OR phone = 2)", 31, "no such column"),
        ("created > 'yesterday'", 11, "is a time"),
        ("created IN (1, 'x')", 16, "is a time"),
        ("created LIKE '%'", 1, "is a time"),
        ("os = 12abc", 6, "a value"),
        ("user.a = 1234567890123456789", 10, "at most 18"),
        ("user.a = '\0'", 11, "no character"),
        ("user.a = '\ud800'", 11, "no character"),
        ("os = 'IOS'; DROP TABLE device", 11, "AND or OR"),
        ("os = 'IOS' -- x", 12, "AND or OR"),
    ],
)
def test_a_fault_is_named_with_its_column(clause: str, column: int, hint: str) -> None:
    with pytest.raises(InvalidWhereClause) as caught:
        parse_clause(clause)
    assert str(caught.value).startswith(f"at column {column}: ")
    assert hint in str(caught.value)
    assert caught.value.code == 1017


def test_a_fault_does_not_repeat_the_values() -> None:
    with pytest.raises(InvalidWhereClause) as caught:
        parse_clause("deviceToken = 'a-secret-token' AND nonsense = 'another-secret'")
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60) | st.text("osuer.=<>()'anditl%0 ", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidWhereClause):
        parse_clause(text)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80))
def test_a_quoted_value_is_taken_as_it_is(value: str) -> None:
    doubled = value.replace("'", "''")
    condition = parse_clause(f"deviceId = '{doubled}'")
    assert isinstance(condition, OneOf)
    assert [one.text for one in condition.values] == [value]


def test_keywords_are_read_in_any_case_and_columns_in_their_own() -> None:
    condition = parse_clause("user.like Is NoT nUlL aNd user.and lIkE 'x' Or user.not iN (1)")
    assert isinstance(condition, AnyOf)
    both, _ = condition.parts
    assert isinstance(both, All)
    assert [type(part) for part in both.parts] == [IsNull, Like]


def test_not_is_carried_to_the_single_conditions() -> None:
    condition = parse_clause("NOT (user.a < 1 OR NOT user.b BETWEEN 2 AND 3)")
    assert isinstance(condition, All)
    assert all(isinstance(part, Ordered) for part in condition.parts)
    assert [part.operator for part in condition.parts] == [">=", ">=", "<="]  # type: ignore[union-attr]
    assert negate(negate(condition)) == condition


def test_length_and_depth_are_bounded() -> None:
    deepest = "(" * DEPTH_MAX + "os = 'IOS'" + ")" * DEPTH_MAX
    parse_clause(deepest)
    with pytest.raises(InvalidWhereClause, match="parentheses"):
        parse_clause(f"({deepest})")
    parse_clause("os = '" + "(" * 100 + "'")
    longest = f"os = '{'x' * (LENGTH_MAX - 7)}'"
    parse_clause(longest)
    with pytest.raises(InvalidWhereClause, match="4096"):
        parse_clause(longest + " ")
