"""The lists of other clients' packages: names and versions, and no address of a registry."""

import json
import re

from tests.bench.peer_environment import CLIENTS


def test_each_python_package_is_pinned():
    lines = (CLIENTS / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    assert {"aioapns", "firebase-admin", "pyfcm"} <= {line.partition("==")[0] for line in wanted}
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", line) for line in wanted)


def test_each_package_for_node_is_pinned_and_comes_from_no_address():
    named = json.loads((CLIENTS / "package.json").read_text())["dependencies"]
    locked = json.loads((CLIENTS / "package-lock.json").read_text())["packages"]
    assert locked.pop("")["dependencies"] == named
    assert {"version", "integrity"} <= set.intersection(*map(set, locked.values()))
    assert not any("resolved" in package for package in locked.values())
