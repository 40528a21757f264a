"""The benchmark's server: `sink.c`, compiled on demand, on a port of the loopback."""

import hashlib
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench.sink_certificate import make_certificate
from tests.processes import die_with_parent

SOURCE = Path(__file__).with_name("sink.c")
#: Compiled sinks, named by their source: never stale, never built twice.
CACHE = Path(__file__).parents[2] / "var" / "bench"
LIBRARIES = ("-lnghttp2", "-lssl", "-lcrypto")
PACKAGES = "gcc libnghttp2-dev libssl-dev"

#: Seconds for the server to say its port, and to end; it needs milliseconds.
PATIENCE_SECONDS = 10.0


def compile_sink() -> Path:
    """Return the program, compiled now if this source never was.

    Raises:
        RuntimeError: there is no compiler, or a library is missing; the text names the packages.
    """
    name = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    program = CACHE / f"sink-{name}"
    if program.exists():
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError(f"no C compiler: install {PACKAGES}")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as directory:
        fresh = Path(directory) / "sink"
        command = [compiler, "-O2", "-o", fresh, SOURCE, *LIBRARIES]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise RuntimeError(f"sink.c did not compile: install {PACKAGES}\n{result.stderr}")
        fresh.replace(program)  # atomic: two benchmarks may start at once
    return program


class Sink:
    """A running sink, as a context manager.

    Args:
        delay: milliseconds before each answer.
        jitter: milliseconds at random on top.
        one_record: each answer in a TLS record of its own, as seen from afar.
        max_streams: what it announces as MAX_CONCURRENT_STREAMS.
        core: the processor it is pinned to, None for any.
        devices: count what each device gets, by numbers below this; read by `tally`.
    """

    host = "localhost"

    def __init__(
        self,
        *,
        delay: int = 0,
        jitter: int = 0,
        one_record: bool = False,
        max_streams: int = 1000,
        core: int | None = None,
        devices: int = 0,
    ) -> None:
        self._arguments = [str(int(n)) for n in (delay, jitter, one_record, max_streams)]
        self._core = core
        self._devices = devices
        self.port = 0
        self.requests = 0  # how many it has answered; known once it has ended

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://{self.host}:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._certificate.certificate

    @property
    def tls(self) -> ssl.SSLContext:
        """A client's context that trusts it."""
        return ssl.create_default_context(cafile=self.ca_file)

    @property
    def pid(self) -> int:
        """For its processor time."""
        return self._process.pid

    @property
    def _tally(self) -> Path:
        return Path(self._directory.name) / "tally"

    def tally(self) -> Counter[int]:
        """Return by how many pushes how many devices got so far; 255 stands for more too."""
        return Counter(self._tally.read_bytes())

    def answer_after(self, delay: int, jitter: int = 0) -> None:
        """Answer so many milliseconds late from now on, and then each in a record of its own."""
        self._say(f"{delay} {jitter} {int(delay + jitter > 0)}")

    def count(self) -> int:
        """Return how many pushes it has got so far."""
        return self._say("")

    def _say(self, line: str) -> int:
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline().split()[1])

    def __enter__(self) -> Self:
        program = compile_sink()
        self._directory = tempfile.TemporaryDirectory()
        self._certificate = make_certificate(Path(self._directory.name))
        if self._devices:
            self._tally.write_bytes(bytes(self._devices))
            self._arguments.append(str(self._tally))
        self._process = subprocess.Popen(
            [program, *self._certificate, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509  # one thread, and no lock taken
        )
        self.port = int(self._process.stdout.readline().split()[1])
        if self._core is not None:
            os.sched_setaffinity(self._process.pid, {self._core})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        output, _ = self._process.communicate(timeout=PATIENCE_SECONDS)
        self.requests = int(output.split()[1]) if output else 0
        self._directory.cleanup()
