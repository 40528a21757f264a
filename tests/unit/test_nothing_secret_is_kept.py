"""No secret is in what is committed: keys and tokens of tests are made when they run."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What keys and tokens of the services we speak to, and of usual ones, look like.
SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*(?:\\n)?[A-Za-z0-9+/=]{40}",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    "an access token of Google": r"\bya29\.[A-Za-z0-9_-]{30,}",
    "an API key of Google": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{40,})",
    "a password in a URL": r"\b(?:postgresql|postgres|rediss?)://[^\s:@/\"'{}]*:[^\s@/\"'{}<$]{16,}@",
}


def found_in(text: str) -> list[str]:
    return [name for name, pattern in SECRETS.items() if re.search(pattern, text)]


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def test_no_committed_file_holds_a_key_or_a_token(committed: list[Path]) -> None:
    assert len(committed) > 300
    texts = {path: path.read_bytes().decode("latin-1") for path in committed if path.is_file()}
    assert {path: found for path, text in texts.items() if (found := found_in(text))} == {}


def test_what_looks_like_one_is_found() -> None:
    examples = [
        "-----BEGIN EC " + "PRIVATE KEY-----\n" + "M" * 64,
        ".".join(["ey" + "J" + "a" * 20] * 2 + ["b" * 40]),
        "ya" + "29." + "a" * 40,
        "AI" + "za" + "a" * 35,
        "AK" + "IA" + "A" * 16,
        "gh" + "p_" + "a" * 36,
        "postgresql" + "://push:" + "a" * 20 + "@db.example/push",
    ]
    assert [found_in(text) for text in examples] == [[name] for name in SECRETS]
