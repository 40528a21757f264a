"""A real Firefox opens and shows what is encrypted for it, and what a whole pipeline sends it."""

import shutil
import subprocess
import sys

import pytest


@pytest.mark.timeout(400)
def test_a_real_browser_opens_what_is_sent_to_it() -> None:
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    assert firefox, "install Debian's package: apt-get install --no-install-recommends firefox-esr"
    judged = subprocess.run(
        [sys.executable, "-m", "tests.firefox_push", firefox],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
