"""The table of the benchmarks: medians, ratios within a round, and its place in README.md."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.bench import figures, found
from tests.bench.figures import BEGIN, END, HEADS, Figure
from tests.bench.kept import block, newest
from tests.bench.measures import MEASURES, Plan, document

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], ""),
        ([0.05612], "0.0561"),
        ([3.0, 1.0, 2.0], "2.00 (1.00 to 3.00)"),
        ([443_743.2, 9.87], "221,877 (9.87 to 443,743)"),
        ([12.34, 0.5], "6.42 (0.500 to 12.3)"),
    ],
)
def test_values_are_told_by_median_least_and_most(values, told):
    assert figures.span(values) == told


ROWS = [
    Figure("h2load, 0 ms", "a second", [400_000.0, 200_000.0], shown=True),
    Figure("ours", "a second", [100.0], [0.5], [2.0], goal="wall ≥ 0.6"),
]


def test_the_text_table_has_its_columns_under_their_heads():
    head, rule, first, second = figures.text_table(ROWS)
    assert set(rule) == {"-"}
    assert first.index("300,000 (200,000 to 400,000) a second") == head.index(HEADS[1])
    assert second[head.index(HEADS[2]) :].split() == ["0.500", "2.00", "wall", "≥", "0.6"]


def test_the_table_replaces_what_stands_between_the_marks_and_nothing_else():
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = figures.with_table(text, figures.markdown_table(ROWS))
    assert once.startswith(f"before\n{BEGIN}\n| measure |")
    assert once.endswith(f"|\n{END}\nafter\n")
    assert figures.table_of(once) == figures.markdown_table(ROWS)
    assert figures.with_table(once, figures.markdown_table(ROWS)) == once


@pytest.mark.parametrize("text", ["no marks", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_text_without_one_of_each_mark_is_refused(text):
    with pytest.raises(ValueError, match="marks"):
        figures.with_table(text, [])


def test_the_readme_has_a_table_of_the_form_that_is_made():
    text = README.read_text()
    head, rule, *rows = figures.table_of(text)
    assert [head, rule] == figures.markdown_table([])
    *rows, empty, scene = rows
    assert rows
    assert all(row.count("|") == head.count("|") for row in rows)
    assert (empty, scene[-1]) == ("", ".")
    assert figures.with_table(text, [head, rule, *rows, empty, scene]) == text


def kept(day: int, *, quick: bool, measures: int = len(MEASURES)) -> dict:
    return {
        "at": f"2026-11-{day:02}",
        "cores": 2,
        "python": "3.11.7",
        "plan": {"quick": quick, "rounds": 5},
        "documents": dict.fromkeys(one.name for one in MEASURES[:measures]),
        "figures": [asdict(row) for row in ROWS],
    }


def test_the_readme_gets_the_newest_that_was_measured_in_full():
    full, partial, quick = (
        kept(1, quick=False),
        kept(2, quick=False, measures=1),
        kept(3, quick=True),
    )
    assert newest([full, partial, quick]) is full
    assert newest([partial, quick]) is quick
    *table, empty, scene = block(full)
    assert table == figures.markdown_table([row for row in ROWS if row.shown])
    assert (empty, scene) == ("", "2026-11-01: 5 rounds on 2 cores, Python 3.11.7.")


def bare_run(client: str, number: int, rate: float, cpu: float, delay: int = 0) -> dict:
    return {"client": client, "round": number, "delay": delay, "rate": rate, "cpu": cpu}


BARE = [
    bare_run("h2load", 0, 100.0, 1.0),
    bare_run("aioapns", 0, 10.0, 60.0),
    bare_run("h2load", 1, 200.0, 2.0),
    bare_run("aioapns", 1, 40.0, 30.0),
]


def test_ratios_are_those_of_a_round_with_h2load_in_the_same():
    limit, peer = found.bare(BARE)
    assert (limit.wall, limit.cpu) == ((), ())
    assert (peer.name, peer.wall, peer.cpu) == ("aioapns, 0 ms", [0.1, 0.2], [60.0, 15.0])


def whole_run(number: int, *, delay: int = 0, got: int = 1000) -> dict:
    return {
        "round": number,
        "delay": delay,
        "h2load": {"rate": 1000.0, "cpu": 0.5},
        "rate": 500.0,
        "cpu": 1.0,
        "cpu_by_program": {found.DELIVERING: 0.5, found.FAN_OUT: 0.25},
        "bytes": 24.0,
        "peak_mb": {found.DELIVERING: 110.0, found.FAN_OUT: 120.0},
        "peak_mb_small": {found.DELIVERING: 100.0},
        "account": {"audience": 1000, "accepted": 1000, "got": got, "right": got == 1000},
    }


def test_the_whole_pipeline_is_told_by_delay_by_process_and_beside_peers():
    runs = [whole_run(0), whole_run(0, delay=20), whole_run(1), whole_run(1, delay=20)]
    near, far = found.whole("whole", runs, "wall ≥ 0.6")
    assert (near.wall, near.cpu, near.goal) == ([0.5, 0.5], [2.0, 2.0], "wall ≥ 0.6")
    assert (far.name, far.goal) == ("whole, 1,000 devices, 20 ms", "")
    delivering, fan_out, *_, grown = found.processes(runs)
    assert (delivering.values, fan_out.values, grown.values) == ([0.5] * 2, [0.25] * 2, [1.1])
    _, times = found.beside_peers(runs, BARE)
    assert (times.values, times.goal) == ([90.0, 90.0], "≥ 30")


def test_an_account_is_wrong_where_the_sink_got_another_number():
    documents = [[whole_run(0), whole_run(1, got=1001)], {"no": "runs"}, BARE]
    assert len(found.accounts(documents)) == 2
    assert [one["got"] for one in found.wrong_accounts(documents)] == [1001]


def test_growth_is_compared_with_fifty_thousand_devices():
    told = {
        "sizes": [10_000, 50_000, 1_000_000],
        "smallest_ms": [[4.0], [5.0], [6.0]],
        "fan_out_mb": [100.0, 105.0, 110.0],
        "calls": [
            [{"show": [7, 1], "list": [rows, 1]}, {"show": [7, 1], "list": [700, 1]}]
            for rows in (700, 700, 2_800)
        ],
    }
    *_, read, times, memory = found.growth(told)
    assert (read.name[-4:], read.values) == ("list", [4.0])
    assert (times.name[-30:], times.values) == ("1,000,000 of that among 50,000", [1.2])
    assert (memory.name[-19:], memory.values) == ("1,000,000 of 10,000", [1.1])


def test_a_single_push_is_compared_with_one_beside_an_idle_app():
    told = {"idle": {"p50": 20, "p99": 50}, "backlog": {"p99": 75}, "broadcast": {"p99": 100}}
    assert [row.values for row in found.fairness(told)] == [[20], [50], [1.5], [2.0]]


def test_a_document_is_one_or_one_on_each_line():
    assert document('[{"a": 1}]\n') == [{"a": 1}]
    assert document('{"a": 1}\n{"a": 2}\n') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda one: one.name)
def test_the_words_of_each_measure_are_words_of_its_module(measure):
    module = (Path(figures.__file__).parent / f"{measure.module}.py").read_text()
    for quick in (False, True):
        words = [str(word) for word in measure.words(Plan(quick=quick))]
        assert all(f'"{word}"' in module for word in words if word.startswith("--")), words
        json.dumps(words)


def test_a_client_that_loses_or_doubles_is_named():
    lost = {**bare_run("pyfcm", 0, 1.0, 1.0), "lost": 2, "twice": 1}
    assert found.faults([*BARE, lost, lost]) == ["pyfcm: 4 pushes without an answer, 2 sent twice"]
