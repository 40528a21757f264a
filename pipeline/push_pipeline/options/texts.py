"""Texts that both databases keep as they are."""

import re

#: PostgreSQL keeps no text with U+0000; halves of surrogate pairs are no Unicode.
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")


def is_text(value: str) -> bool:
    """Whether all of it is Unicode that a database keeps."""
    return _NO_CHARACTER.search(value) is None
