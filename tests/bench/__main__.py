"""Measure everything beside h2load and the peers, and print one table.

Each measure goes in rounds, with h2load in each of them; the figures and all that was measured are
kept in build/bench as JSON. Run it as `python -m tests.bench [--quick] [--only NAME] …`;
`--help` names the rest.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import figures as table
from tests.bench import flames, measures
from tests.bench.found import accounts, faults, wrong_accounts
from tests.bench.kept import block, is_full, newest
from tests.bench.peer_environment import BUILD

README = Path(__file__).parents[2] / "README.md"


def main() -> int:
    """Measure; 0 only if every measure ended and every account is right."""
    given = _parser().parse_args()
    if given.readme:
        return rewrite_readme()
    if given.flame:
        for file in flames.draw(BUILD / "flames", quick=given.quick):
            print(file)
        return 0
    plan = measures.Plan(
        rounds=given.rounds or (2 if given.quick else 5),
        delays=_delays(given),
        quick=given.quick,
        largest=given.largest,
    )
    wanted = [one for one in measures.MEASURES if _is_wanted(one, given)]
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.json"
    documents, failed = run_all(wanted, plan, file)
    print("\n".join(table.text_table(measures.figures(documents))))
    print(*told_of_accounts(documents), sep="\n")
    print(f"kept in {file}")
    return 1 if failed or wrong_accounts(documents.values()) else 0


def _delays(given: argparse.Namespace) -> tuple[int, ...]:
    if given.delay is None:
        return (0, 20) if given.quick else (0, 20, 50)
    return tuple(int(one) for one in given.delay.split(","))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [one.name for one in measures.MEASURES]
    parser.add_argument("--quick", action="store_true", help="less of everything: two minutes")
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--only", action="append", choices=names, help="may be said again")
    parser.add_argument("--delay", help="milliseconds before each answer: 0,20,50")
    parser.add_argument("--largest", type=int, default=1_000_000, help="devices, for `growth`")
    parser.add_argument(
        "--readme", action="store_true", help="only: README.md's table, of the newest"
    )
    parser.add_argument("--flame", action="store_true", help="only: a flame graph of each stage")
    return parser


def _is_wanted(measure: measures.Measure, given: argparse.Namespace) -> bool:
    if given.only:
        return measure.name in given.only
    return measure.in_quick or not given.quick


def run_all(
    wanted: Sequence[measures.Measure], plan: measures.Plan, file: Path
) -> tuple[dict[str, Any], list[str]]:
    """Run one measure after the other, and keep what was found so far.

    Returns their documents, and the names of those that failed.
    """
    documents: dict[str, Any] = {}
    failed = []
    began = time.perf_counter()
    for one in wanted:
        try:
            documents[one.name], seconds = measures.run(one, plan)
        except RuntimeError as error:
            failed.append(one.name)
            _say(str(error))
        else:
            _say(f"{one.name}: {seconds:.0f} s")
            keep(file, documents, plan)
    _say(f"in all {time.perf_counter() - began:.0f} s")
    return documents, failed


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def told_of_accounts(documents: Mapping[str, Any]) -> list[str]:
    """Say whether each device has one ending, and the sink got as many as the ledgers count."""
    seen, wrong = accounts(documents.values()), wrong_accounts(documents.values())
    devices = sum(one["audience"] for one in seen)
    lines = faults(documents.get("bare", []))
    if wrong:
        return [*lines, *(f"WRONG: {one}" for one in wrong)]
    told = f"{len(seen)} runs to {devices:,} devices: one ending each, and the sink got as many"
    return [*lines, told]


def keep(file: Path, documents: Mapping[str, Any], plan: measures.Plan) -> None:
    """Write what was measured, and where."""
    figures = measures.figures(documents)
    kept = {
        "at": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "plan": asdict(plan),
        "figures": [asdict(figure) for figure in figures],
        "documents": documents,
    }
    file.write_text(json.dumps(kept, indent=1))


def rewrite_readme() -> int:
    """Put the figures that were kept last, in full where there are such, into README.md."""
    found = [json.loads(file.read_text()) for file in sorted(BUILD.glob("*.json"))]
    if not found:
        _say(f"nothing was measured yet: {BUILD} has no JSON")
        return 1
    chosen = newest(found)
    README.write_text(table.with_table(README.read_text(), block(chosen)))
    hint = "" if is_full(chosen) else "; not everything was measured, or in a hurry"
    _say(f"the table is that of {chosen['at']}{hint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
