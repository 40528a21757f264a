"""A simulator inside the calling process, on a thread with its own event loop."""

import asyncio
import contextlib
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from push_workers.simulator import node
from push_workers.simulator.behaviour import Behaviour
from push_workers.simulator.client import SimulatorClient
from push_workers.simulator.options import Options

#: Keys and certificates take a second on a slow machine; longer than this, in seconds, is a fault.
_START_SECONDS = 30


class Simulator(SimulatorClient):
    """`with Simulator() as sim:` runs the listeners until the block ends.

    Files go to `dir`, or to a temporary directory that is removed at the end. Keyword arguments
    beside those named here are switches of `Behaviour`.
    """

    def __init__(
        self,
        dir: Path | None = None,  # noqa: A002 - the option's name everywhere
        *,
        fast: bool = False,
        seed: int = 0,
        time_scale: float = 1.0,
        **behaviour: object,
    ) -> None:
        self._cleanup = contextlib.ExitStack()
        if dir is None:
            name = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="simulator-"))
            dir = Path(name)  # noqa: A001 - see above
        self._options = Options(
            dir=dir,
            fast=fast,
            seed=seed,
            time_scale=time_scale,
            behaviour=Behaviour.model_validate(behaviour),
        )
        self._ready = threading.Event()
        self._info: dict[str, Any] = {}
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        if self._error is not None:
            self._cleanup.close()
            raise self._error
        super().__init__(self._info["control_url"])
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._cleanup.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._error = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with node.running(self._options) as self._info:
            self._ready.set()
            await self._stop.wait()
