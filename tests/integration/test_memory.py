"""Memory follows a page and a batch, never the audience."""

import gc
import tracemalloc

import pytest

from push_pipeline import publish
from push_workers.fanout import fan_out as fan_outs
from push_workers.fanout.fan_out import fan_out
from tests.audience import ios, subscribe
from tests.installation import APP, Installation

SMALL, LARGE = 30_000, 150_000


def peak_of_fan_out(installation: Installation, channel: str) -> int:
    """Fan a message out, and return the most bytes that this took at once."""
    run_id = installation.run_id(publish(channel, "Hi").message_id)
    gc.collect()
    tracemalloc.start()
    try:
        while fan_out(run_id):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_fan_out_takes_as_much_for_five_times_as_many(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else a page is as large as there is time for, which a busy machine has little of.
    monkeypatch.setattr(fan_outs, "_process", fan_outs._Process())
    monkeypatch.setattr(fan_outs, "page_size", lambda *_: fan_outs.PAGE)
    tokens = ios(SMALL + LARGE)
    subscribe(APP, tokens[:SMALL], "IOS", "small")
    subscribe(APP, tokens[SMALL:], "IOS", "large")
    peak_of_fan_out(installation, "small")  # what is made once: statements, caches

    small, large = (peak_of_fan_out(installation, name) for name in ("small", "large"))

    assert large < 1.2 * small, f"{small / 2**20:.1f} MiB for 30,000, {large / 2**20:.1f} for more"
