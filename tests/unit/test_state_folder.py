"""The folder of `up`: nobody but its owner reads what is in it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from push_pipeline import db
from push_pipeline.supervisor.state_folder import FolderIsOpen, StateFolder


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_in_it_is_its_owners_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "var" / "demo")
    assert mode(tmp_path / "var") == mode(folder.path) == 0o700

    with folder.locked():
        (folder.path / "redis").mkdir()
        (folder.path / "redis" / "appendonly.aof").touch()
    (tmp_path / "after").touch()

    assert mode(folder.path / "redis") == 0o700
    assert mode(folder.path / "redis" / "appendonly.aof") == 0o600
    assert mode(folder.path / "up.lock") == 0o600
    assert mode(tmp_path / "after") == 0o644


def test_a_folder_of_ours_that_is_open_is_closed(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "log").mkdir(parents=True)
    for name in ("pipeline.db", "pipeline.db-wal", "log/beat.log"):
        (var / name).touch()
    (var / "elsewhere").symlink_to(tmp_path)

    StateFolder(var)

    assert {mode(path) for path in (var, var / "log")} == {0o700}
    assert {mode(path) for path in (var / "pipeline.db-wal", var / "log" / "beat.log")} == {0o600}


def test_an_open_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "code.py").touch()
    tmp_path.chmod(0o755)

    with pytest.raises(FolderIsOpen, match="chmod 700"):
        StateFolder(tmp_path)
    assert mode(tmp_path / "code.py") == 0o644


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "pipeline.db"
    engine = db.make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE a (b)")
        assert mode(tmp_path / "new" / "pipeline.db-wal") == 0o600
    engine.dispose()

    assert mode(tmp_path / "new") == 0o700
    assert mode(file) == 0o600
