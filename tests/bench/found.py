"""Rows of the table from the documents of the measures, each as its module prints it."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.bench.figures import Figure, ratios

Document = Any
Runs = Sequence[Mapping[str, Any]]

#: Times that a worker's processor second does of what a peer's does, at least.
OF_PEERS = {"@parse/node-apn": 10, "aioapns": 30, "firebase-admin": 110}

#: Rows and blocks of each call, for its own values and in plans for any.
Plans = Sequence[Mapping[str, Sequence[int]]]

#: Rows below which it does not matter how many they are.
FEW_ROWS = 500

DELIVERING, FAN_OUT = "delivering workers", "fan-out worker"

PUBLISH_STEPS = {"publish": "publish", "fan_out": "fan-out", "deliver": "deliver"}


def by_delay(runs: Iterable[Mapping[str, Any]], of: str) -> dict[tuple[str, int], Runs]:
    """Put the rounds of each client, task or pipeline together, in the order of their delays."""
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for one in runs:
        found[one[of], one["delay"]].append(one)
    return found


def bare(runs: Runs) -> list[Figure]:
    """h2load, our transport and the peers, at each delay."""
    found = []
    kinds = by_delay(runs, "client")
    for (name, delay), some in kinds.items():
        limit = kinds["h2load", delay]
        rates, costs = [one["rate"] for one in some], [one["cpu"] for one in some]
        beside = name != "h2load"
        found.append(
            Figure(
                f"{name}, {delay} ms",
                "a second",
                rates,
                ratios(rates, [one["rate"] for one in limit]) if beside else (),
                ratios(costs, [one["cpu"] for one in limit]) if beside else (),
                shown=not delay or name in ("h2load", "transport, APNs"),
            )
        )
    return found


def faults(runs: Runs) -> list[str]:
    """Say which client got no answer for a push, or sent it twice."""
    found = []
    for name in dict.fromkeys(one["client"] for one in runs):
        some = [one for one in runs if one["client"] == name]
        lost, twice = (sum(one.get(what, 0) for one in some) for what in ("lost", "twice"))
        if lost or twice:
            found.append(f"{name}: {lost} pushes without an answer, {twice} sent twice")
    return found


def tasks(runs: Runs) -> list[Figure]:
    """The deliver task by provider, and with words for each device."""
    titles = {"apns": "deliver task, APNs", "fcm": "deliver task, FCM"}
    found = []
    for (name, delay), some in by_delay(runs, "task").items():
        costs = [one["cpu"] for one in some]
        title = titles.get(name, "deliver task, words for each device")
        goal = "CPU ≤ 1.5" if name == "apns" else ""
        limit = [one["h2load"]["cpu"] for one in some]
        told = (f"{title}, {delay} ms", "CPU s/10k", costs, (), ratios(costs, limit), goal)
        found.append(Figure(*told, shown=not delay))
    return found


def whole(title: str, runs: Runs, goal: str) -> list[Figure]:
    """From publish to closed ledger: the rate at each delay."""
    found = []
    for (_, delay), some in by_delay([{"of": title, **one} for one in runs], "of").items():
        rates, costs = [one["rate"] for one in some], [one["cpu"] for one in some]
        devices = some[0]["account"]["audience"]
        found.append(
            Figure(
                f"{title}, {devices:,} devices, {delay} ms",
                "a second",
                rates,
                ratios(rates, [one["h2load"]["rate"] for one in some]),
                ratios(costs, [one["h2load"]["cpu"] for one in some]),
                "" if delay else goal,
                shown=True,
            )
        )
    return found


def processes(runs: Runs) -> list[Figure]:
    """Of the whole pipeline without delay: processor time and memory by process, and bytes."""
    some = [one for one in runs if one["delay"] == runs[0]["delay"]]
    names = dict.fromkeys(name for one in some for name in one["cpu_by_program"])
    used = {name: [one["cpu_by_program"].get(name, 0.0) for one in some] for name in names}
    found = [
        Figure(f"processor time of the whole: {name}", "CPU s/10k", spent, shown=True)
        for name, spent in sorted(used.items(), key=lambda item: -statistics.median(item[1]))
    ]
    written = [one["bytes"] for one in some]
    title = "bytes written for an accepted device (tables and WAL)"
    found.append(Figure(title, "bytes", written, goal="≤ 25", shown=True))
    for name in (DELIVERING, FAN_OUT):
        peaks = [one["peak_mb"][name] for one in runs]
        found.append(Figure(f"peak memory of a process: {name}", "MB", peaks, shown=True))
    grown = [one["peak_mb"][DELIVERING] / one["peak_mb_small"][DELIVERING] for one in runs[-1:]]
    first = runs[0]["account"]["audience"]
    told = f"peak memory of a delivering child, {first:,} devices of 20,000"
    return [*found, Figure(told, "times", grown, goal="≤ 1.1", shown=True)]


def beside_peers(whole_runs: Runs, bare_runs: Runs) -> list[Figure]:
    """Notifications for a processor second of the delivering workers, of those of each peer."""
    mine = [one["cpu_by_program"][DELIVERING] for one in whole_runs if not one["delay"]]
    found = [
        Figure("notifications for a CPU second of a worker", "", [10_000 / one for one in mine])
    ]
    for peer, least in OF_PEERS.items():
        theirs = [one["cpu"] for one in bare_runs if (one["client"], one["delay"]) == (peer, 0)]
        if theirs and mine:
            times = [statistics.median(theirs) / one for one in mine]
            title = f"notifications for a CPU second of a worker, of those of {peer} alone"
            found.append(Figure(title, "times", times, goal=f"≥ {least}", shown=True))
    return found


def fanout(rounds: Runs) -> list[Figure]:
    """The fan-out by size, in rounds."""
    sizes: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for one in rounds:
        sizes[one["members"]].append(one)
    found = []
    for size, some in sizes.items():
        seconds = [one["seconds"] for one in some]
        goal = "≤ 1.5 s" if size == 1_000_000 else ""
        first = [one["first_batch_seconds"] * 1000 for one in some]
        found += [
            Figure(f"fan-out of {size:,}", "s", seconds, goal=goal, shown=True),
            Figure(
                f"first batch of a fan-out of {size:,}", "ms", first, goal="≤ 50 ms", shown=True
            ),
            Figure(
                f"processor time of worker and database, fan-out of {size:,}",
                "s",
                [one["worker_cpu_seconds"] + one["database_cpu_seconds"] for one in some],
            ),
        ]
    return found


def growth(document: Document) -> list[Figure]:
    """What grows with the installation: the smallest publish, and a child's memory."""
    sizes, smallest, peaks = (document[name] for name in ("sizes", "smallest_ms", "fan_out_mb"))
    found = [
        Figure(f"publish and fan-out of one device among {size:,}", "ms", times)
        for size, times in zip(sizes, smallest, strict=True)
    ]
    first, last = max(sizes[:-1], key=lambda size: -abs(size - 50_000)), sizes[-1]
    pairs = dict(zip(sizes, smallest, strict=True))
    times = statistics.median(pairs[last]) / statistics.median(pairs[first])
    memory = dict(zip(sizes, peaks, strict=True))
    grown = memory[last] / memory[sizes[0]]
    plans = dict(zip(sizes, document["calls"], strict=True))
    call, more = _most_grown(plans[first], plans[last])
    return [
        *found,
        Figure(
            f"rows that a call reads, among {last:,} of {first:,}: the most, {call}",
            "times",
            [more],
            goal="≤ 1.3",
            shown=True,
        ),
        Figure(
            f"publish and fan-out of one device, among {last:,} of that among {first:,}",
            "times",
            [times],
            goal="≤ 1.3",
            shown=True,
        ),
        Figure(
            f"peak memory of the fan-out's child, {last:,} of {sizes[0]:,}",
            "times",
            [grown],
            goal="≤ 1.1",
            shown=True,
        ),
    ]


def _most_grown(small: Plans, large: Plans) -> tuple[str, float]:
    """Name the call that reads most in the large installation of what it reads in the small one."""
    more, name = max(
        (after[name][0] / max(FEW_ROWS, before[name][0]), name)
        for before, after in zip(small, large, strict=True)
        for name in before
    )
    return name, more


def single(rounds: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]) -> list[Figure]:
    """What the steps of a push cost, to one device and to a thousand."""
    return [
        Figure(
            f"{title} of a push to {audience}",
            "CPU ms",
            [one[audience][step]["milliseconds"] for one in rounds],
            shown=True,
        )
        for audience in rounds[0]
        for step, title in PUBLISH_STEPS.items()
    ]


#: What a gateway is to do with one core, by its loads.
_GATEWAY = {"publish": "≥ 2,500", "register, new devices": "≥ 3,000"}


def gateway(rows: Runs) -> list[Figure]:
    """What a gateway answers, and how soon."""
    loads: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in rows:
        loads[one["load"]].append(one)
    found = []
    for load, some in loads.items():
        rates = [one["per_second"] for one in some]
        cores = [one["of_a_core"] for one in some]
        found += [
            Figure(f"gateway: {load}", "a second", rates, shown=True),
            Figure(
                f"gateway, a core of it: {load}",
                "a second",
                cores,
                goal=_GATEWAY.get(load, ""),
                shown=True,
            ),
            Figure(f"gateway: {load}, 99 of 100 within", "ms", [one["p99_ms"] for one in some]),
        ]
    return found


def webpush(document: Document) -> list[Figure]:
    """Pushes to browsers, for a second of a core."""
    return [
        Figure(f"Web Push: {name}", "for a CPU second", [value], shown=name == "token to verdict")
        for name, value in document["per_second_and_core"].items()
    ]


def fairness(document: Document) -> list[Figure]:
    """A single push beside a large app."""
    middle, idle = (document["idle"][name] for name in ("p50", "p99"))
    title = "a single push beside an idle app"
    found = [
        Figure(f"{title}, half of them within", "ms", [middle], goal="≤ 20 ms", shown=True),
        Figure(f"{title}, 99 of 100 within", "ms", [idle], shown=True),
    ]
    for name, title in (("backlog", "has messages waiting"), ("broadcast", "broadcasts")):
        times = [document[name]["p99"] / max(1, idle)]
        told = f"a single push beside an app that {title}, 99 of 100, of idle"
        found.append(Figure(told, "times", times, goal="≤ 2", shown=True))
    return found


def wrong_accounts(documents: Iterable[Document]) -> list[Mapping[str, Any]]:
    """Return the accounts in which a ledger does not agree with itself or with the sink."""
    return [one for one in accounts(documents) if not one["right"]]


def accounts(documents: Iterable[Document]) -> list[Mapping[str, Any]]:
    """Return the accounts of all runs of the measures."""
    runs = [one for document in documents if isinstance(document, list) for one in document]
    return [one["account"] for one in runs if "account" in one]
