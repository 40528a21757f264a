"""The built wheel, installed and used beside packages whose names it must not take."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[2]

#: Distributions that own import packages which were called as ours once.
NEIGHBOURS = ROOT / "tests" / "data" / "neighbours.txt"


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def build(source: Path, into: Path) -> tuple[Path, Path]:
    """Build the wheel and the source distribution of a folder."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", into]
    run(*words, cwd=source, SOURCE_DATE_EPOCH="1764374400")
    (wheel,), (sdist,) = into.glob("*.whl"), into.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def python(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, a neighbour, and the dependencies of this one."""
    wheel, _ = built
    tmp_path = tmp_path_factory.mktemp("wheel")
    venv.create(tmp_path / "env")
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    pip += ["--python", python, "install", "--no-deps"]
    run(*pip, wheel, cwd=tmp_path)
    run(*pip, "--require-hashes", "-r", NEIGHBOURS, cwd=tmp_path)
    # As a path of its own: the files that make this project importable here are not read there.
    place = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path
    )
    (Path(place.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


def test_the_wheel_works_beside_django_pipeline_and_a_hosts_own_workers(
    python: Path, tmp_path: Path
) -> None:
    host = tmp_path / "host"
    (host / "workers").mkdir(parents=True)
    (host / "workers" / "__init__.py").write_text("OF_THE_HOST = True\n")
    settings = {
        "PIPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/wheel.db",
        "PIPELINE_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIPELINE_APP_ID": "APP-1",
    }
    push = python.with_name("push-pipeline")

    assert "publish" in run(push, "--help", cwd=host)
    run(python, "-m", "push_pipeline", "migrate", cwd=host, **settings)
    message_id = run(push, "publish", "news", "hello", cwd=host, **settings)
    assert message_id.startswith("message:")
    files = run(python, "-c", "import push_pipeline, push_workers, pipeline, workers;"
                "print(push_pipeline.__file__, push_workers.__file__, pipeline.__file__,"
                " workers.OF_THE_HOST)", cwd=host)  # fmt: skip
    ours, own, neighbours, of_the_host = files.split()
    assert Path(ours).is_relative_to(python.parents[1])
    assert Path(own).is_relative_to(python.parents[1])
    assert (Path(neighbours).parent.name, of_the_host) == ("pipeline", "True")
    tasks = (
        "from push_workers.app import app; app.loader.import_default_modules(); print(*app.tasks)"
    )
    assert "pipeline.deliver_apns" in run(python, "-c", tasks, cwd=host, **settings)


def test_both_are_the_same_bytes_wherever_and_whenever_they_are_built(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    """So anybody can build them from the source distribution, and compare."""
    with tarfile.open(built[1]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    (source / "PKG-INFO").unlink()  # what an index reads of a distribution; made anew
    for path in source.rglob("*"):
        os.utime(path, (0, 0))

    again = build(source, tmp_path / "again")

    assert [one.read_bytes() for one in again] == [one.read_bytes() for one in built]


def test_the_wheel_has_every_file_of_the_packages_and_says_what_it_is(
    built: tuple[Path, Path],
) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        said = message_from_bytes(wheel.read(metadata))
    assert held == {
        path.relative_to(root).as_posix()
        for root in (ROOT / "pipeline", ROOT / "workers")
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert said["License-Expression"] == "Apache-2.0"
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    given = said.get_all("Classifier")
    assert given
    assert {*given} <= classifiers


def test_a_type_checker_knows_the_package_as_it_is_installed(python: Path, tmp_path: Path) -> None:
    typing = ROOT / "tests" / "typing"
    shutil.copy(typing / "api.py", tmp_path)
    options = ["--config-file", typing / "mypy.ini", "--python-executable", python]
    said = run(sys.executable, "-m", "mypy", *options, "api.py", cwd=tmp_path)
    assert said == "Success: no issues found in 1 source file\n"


def test_a_host_that_only_publishes_needs_nothing_of_the_workers(
    python: Path, tmp_path: Path
) -> None:
    """What the extra `worker` brings cannot be imported here."""
    hide = "import sys; sys.modules.update(dict.fromkeys(('pyfcm', 'hpack', 'requests', 'google')))"
    settings = {
        "PIPELINE_DATABASE_URL": f"sqlite:///{tmp_path}/thin.db",
        "PIPELINE_BROKER_URL": "redis://127.0.0.1:1/0",
        "PIPELINE_APP_ID": "APP-1",
    }
    run(python, "-m", "push_pipeline", "migrate", cwd=tmp_path, **settings)
    publish = "from push_pipeline import publish; print(publish('news', 'Hello').message_id)"

    assert run(python, "-c", f"{hide}; {publish}", cwd=tmp_path, **settings).startswith("message:")

    hidden = "import importlib.util as u; find = u.find_spec; u.find_spec = lambda name, *more:"
    hidden += " None if name in ('pyfcm', 'hpack', 'requests') else find(name, *more)"
    for words in (["worker"], ["beat"], ["up", "--state", str(tmp_path / "state")]):
        start = f"from push_pipeline.cli.root import run; print(run({words!r}))"
        script = f"{hidden}\nimport sys; sys.stderr = sys.stdout; {start}"
        said = run(python, "-c", script, cwd=tmp_path, **settings).splitlines()
        assert said[-1] == "2"
        assert said[-2].endswith("is not installed: pip install push-pipeline[worker]")
