"""Where clients that we did not write live: an environment and a folder of packages in build/.

They are made on first use from the pinned lists beside the clients, and anew when a list changes.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CLIENTS = Path(__file__).with_name("peer_clients")
BUILD = Path(__file__).parents[2] / "build" / "bench"


class NotInstalled(Exception):
    """The packages of a list cannot be had; the text says why."""


def python_environment() -> Path:
    """Return the folder of programs with the Python packages.

    Raises:
        NotInstalled: they could not be installed.
    """
    folder = BUILD / "python"
    programs = folder / "bin"
    wanted = [CLIENTS / "requirements.txt"]
    if not _is_made(folder, wanted):
        _run([sys.executable, "-m", "venv", folder])
        _run([programs / "pip", "install", "--quiet", "-r", *wanted])
        _note(folder, wanted)
    return programs


def node_packages() -> Path:
    """Return the folder of the packages for Node.

    Raises:
        NotInstalled: there is no Node, or they could not be installed.
    """
    folder = BUILD / "node"
    wanted = [CLIENTS / "package.json", CLIENTS / "package-lock.json"]
    if not _is_made(folder, wanted):
        if shutil.which("npm") is None:
            raise NotInstalled("npm is missing: install nodejs and npm")
        folder.mkdir(parents=True)
        for file in wanted:
            shutil.copy(file, folder)
        _run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", folder])
        _note(folder, wanted)
    return folder / "node_modules"


def _is_made(folder: Path, wanted: Sequence[Path]) -> bool:
    """Say whether a folder is as its lists say; what is not is removed."""
    note = folder / "made-from"
    if note.exists() and note.read_text() == _digest(wanted):
        return True
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _note(folder: Path, wanted: Sequence[Path]) -> None:
    (folder / "made-from").write_text(_digest(wanted))


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _run(command: Sequence[str | Path]) -> None:
    print(f"making build/bench: {Path(command[0]).name} …", file=sys.stderr, flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled((done.stderr or done.stdout).strip().splitlines()[-1])
