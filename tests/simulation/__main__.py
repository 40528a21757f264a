"""Run the simulation for some minutes, seed after seed: `python -m tests.simulation`.

A failure prints its seed and its steps, which are a test as they are.
"""

import argparse
import logging
import random
import sys
import time

import hypothesis
from hypothesis import Phase
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.machine import Pipeline
from tests.simulation.world import SEEN

#: Worlds of one seed.
WORLDS = 25


def run(seed: int, worlds: int, steps: int, *, shrink: bool) -> None:
    """Run some worlds of one seed; an AssertionError tells the steps to a broken promise."""

    @hypothesis.seed(seed)
    class Seeded(Pipeline):
        pass

    run_state_machine_as_test(
        Seeded,
        settings=hypothesis.settings(
            max_examples=worlds,
            stateful_step_count=steps,
            database=None,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            report_multiple_bugs=False,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        ),
    )


def main() -> None:
    """Go on until the time is over, or a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--steps", type=int, default=60, help="of a world, at the most")
    parser.add_argument("--raw", action="store_true", help="print a failure as it was found")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    ends, done = time.monotonic() + 60 * asked.minutes, 0
    seeds = random.SystemRandom()
    while time.monotonic() < ends:
        seed = seeds.randrange(2**32) if asked.seed is None else asked.seed
        try:
            run(seed, WORLDS, asked.steps, shrink=not asked.raw)
        except BaseException:
            print(f"seed {seed}, after {done} worlds without a fault", file=sys.stderr)
            raise
        done += WORLDS
        print(f"\rseed {seed}: {done} worlds", end="", flush=True)
        if asked.seed is not None:
            break
    print(f"\n{done} worlds, every promise kept")
    print("\n".join(f"{count:9,} {what}" for what, count in SEEN.most_common()))


if __name__ == "__main__":
    main()
