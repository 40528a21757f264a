"""Rules: the first that matches wins, and chance can be repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from push_workers.simulator.rules import Rule, RuleBook


def book(*rules: dict, seed: int = 0) -> RuleBook:
    found = RuleBook(seed)
    found.set([Rule.model_validate(rule) for rule in rules])
    return found


def statuses(rules: RuleBook, *tokens: str, provider: str = "apns", topic: str = "t") -> list:
    found = []
    for token in tokens:
        rules.count(token)
        action = rules.action(provider, token, topic)
        found.append(action.status if action else None)
    return found


def test_the_first_rule_that_matches_wins():
    rules = book({"match": {"prefix": "a"}, "action": {"status": 1}}, {"action": {"status": 2}})

    assert statuses(rules, "a", "b") == [1, 2]


def test_provider_and_topic_are_conditions():
    rules = book({"match": {"provider": "fcm", "topic": "x"}, "action": {"status": 1}})

    assert statuses(rules, "a", topic="x") == [None]
    assert statuses(rules, "a", provider="fcm") == [None]
    assert statuses(rules, "a", provider="fcm", topic="x") == [1]


def test_nth_counts_the_requests_of_one_token():
    rules = book({"match": {"nth": [1, 3]}, "action": {"status": 503}})

    assert statuses(rules, "a", "b", "a", "a", "a") == [503, 503, None, 503, None]


def test_every_counts_what_matches_the_rest():
    rules = book({"match": {"prefix": "a", "every": 2}, "action": {"status": 1}})

    assert statuses(rules, "a1", "b1", "a2", "b2", "a3", "a4") == [None, None, 1, None, None, 1]


def test_times_bounds_the_uses():
    rules = book({"times": 2, "action": {"status": 1}})

    assert statuses(rules, *"abc") == [1, 1, None]


def test_a_window_that_is_over_or_not_yet_open_matches_nothing():
    rules = book(
        {"match": {"until": 0}, "action": {"status": 1}},
        {"match": {"after": 60}, "action": {"status": 2}},
        {"match": {"after": 0, "until": 60}, "action": {"status": 3}},
    )

    assert statuses(rules, "a") == [3]


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=40), st.integers(0, 9))
def test_chance_depends_on_seed_token_and_count_but_not_on_order(tokens, seed):
    rule = {"match": {"probability": 0.5}, "action": {"status": 1}}
    straight = list(zip(tokens, statuses(book(rule, seed=seed), *tokens), strict=True))
    backwards = tokens[::-1]
    turned = list(zip(backwards, statuses(book(rule, seed=seed), *backwards), strict=True))

    assert sorted(map(str, straight)) == sorted(map(str, turned))


def test_chance_comes_out_as_often_as_asked():
    rules = book({"match": {"probability": 0.1}, "action": {"status": 1}})

    hits = sum(status is not None for status in statuses(rules, *map(str, range(5000))))

    assert 400 < hits < 600


@pytest.mark.parametrize("wrong", [{"matches": {}}, {"match": {"tokn": "x"}}, {"action": {"a": 1}},
                                   {"action": {"cut": "sideways"}}])  # fmt: skip
def test_a_misspelt_rule_is_refused(wrong):
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)
