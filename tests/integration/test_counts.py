"""What processes count is added up, and neither their end nor their number loses or grows it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from push_pipeline.errors import SettingsError
from push_pipeline.metrics.counts import summed
from push_pipeline.metrics.folder import check_metrics_folder, metrics_folder
from push_pipeline.metrics.slots import KINDS
from push_pipeline.settings import Settings
from tests.processes import Process

#: Counts three members at each line of its input, forks where it is told to, and says when done.
PROGRAM = """
import os, sys
from pathlib import Path
from push_pipeline import telemetry
from push_pipeline.metrics import counts

counts.share(Path(sys.argv[1]), sys.argv[2])
for line in sys.stdin:
    if line.strip() == "fork" and (child := os.fork()):
        os.waitpid(child, 0)
    else:
        telemetry.fanned_out(1, 3, 1)
        if line.strip() == "fork":
            os._exit(0)
    print("counted", flush=True)
"""


def start(folder: Path, group: str = "common") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, folder, group],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def count(process: subprocess.Popen[str], how: str = "once") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{how}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "counted\n"


def counted(folder: Path, groups: str = "*") -> float | None:
    return summed(folder, groups).get_sample_value("push_pipeline_fanned_out_total")


def files(folder: Path) -> int:
    return len(list(folder.glob("*/*.db"))) // len(KINDS)


def test_processes_count_side_by_side_and_their_successors_count_on(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    count(first)
    count(second)
    assert (counted(tmp_path), files(tmp_path)) == (6, 2)

    first.kill()
    first.communicate()
    second.communicate()
    for _ in range(2):
        successor = start(tmp_path)
        count(successor)
        successor.communicate()

    assert (counted(tmp_path), files(tmp_path)) == (12, 2)


def test_a_forked_child_has_files_of_its_own_and_the_next_child_counts_on(tmp_path: Path) -> None:
    parent = start(tmp_path)
    for how in ("once", "fork", "fork", "once"):
        count(parent, how)
    parent.communicate()

    assert (counted(tmp_path), files(tmp_path)) == (12, 2)


def test_a_group_is_read_alone_or_with_the_others(tmp_path: Path) -> None:
    for group in ("common", "port-9464", "port-9464"):
        process = start(tmp_path, group)
        count(process)
        process.communicate()

    assert counted(tmp_path) == 9
    assert counted(tmp_path, "port-9464") == 6


def test_a_damaged_file_is_left_out_and_taken_again(tmp_path: Path) -> None:
    first, second = start(tmp_path), start(tmp_path)
    count(first)
    count(second)
    first.communicate()
    second.communicate()
    (tmp_path / "common" / "counter_0.db").write_bytes(b"\xff\xff\xff\x7f damaged")
    (tmp_path / "common" / "counter_7.db").touch()
    assert counted(tmp_path) == 3

    successor = start(tmp_path)
    count(successor)
    successor.communicate()

    assert counted(tmp_path) == 6


def test_what_cannot_be_counted_is_no_error(
    tmp_path: Path, configure: Callable[..., Settings], spawn: Callable[..., Process]
) -> None:
    (tmp_path / "file").touch()
    configure(metrics_dir=tmp_path / "file" / "metrics")
    program = (
        "from push_pipeline import telemetry;"
        "from push_pipeline.metrics.folder import share_counts;"
        "print(share_counts(), telemetry.fanned_out(1, 3, 1))"
    )

    process = spawn(sys.executable, "-c", program)

    assert process.wait() == 0
    assert "nothing is counted: " in process.output
    assert "None None" in process.output
    with pytest.raises(SettingsError, match=r"^PIPELINE_METRICS_DIR: .*cannot be used"):
        check_metrics_folder()


def test_the_folder_is_one_for_each_installation_and_tells_no_password(
    configure: Callable[..., Settings],
) -> None:
    def folder(**changes: str) -> Path:
        return metrics_folder(configure(metrics_dir=None, **changes))

    shop = folder(database_url="postgresql://me:secret@db/shop")
    assert folder(database_url="postgresql://you:other@db/shop") == shop
    assert folder(database_url="postgresql://me:secret@db/bank") != shop
    assert folder(database_url="sqlite:///var/a.db") == folder(
        database_url=f"sqlite:///{Path.cwd()}/var/a.db"
    )
    assert str(os.getuid()) in folder().name


def test_a_host_counts_nothing_and_needs_no_client_library() -> None:
    program = (
        "import os, sys; before = dict(os.environ);"
        "from push_pipeline import publish, register_device, telemetry;"
        "telemetry.publish_changed([]); telemetry.run_closed(1, False, 1.0, None);"
        "assert 'prometheus_client' not in sys.modules;"
        "assert dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
