"""Keys of people's own making: those that can be guessed are refused; pure."""

#: Characters of a secret that seals. Shorter ones can be guessed by trying; 32 random bytes in
#: hex are 64.
SECRET_KEY_MIN_LENGTH = 16

#: Characters. As many random ones, even digits, are more than anybody tries.
LENGTH_MIN = 24

#: Different characters. Of 24 random digits fewer than these are one case in a hundred thousand.
DIFFERENT_MIN = 6


def check_key(key: str) -> str:
    """Return a key.

    Raises:
        ValueError: it is too short, or the same few characters over and over.
    """
    if len(key) < LENGTH_MIN or len(set(key)) < DIFFERENT_MIN:
        raise ValueError(
            f"use {LENGTH_MIN} random characters or more: `openssl rand -hex 24` makes them"
        )
    return key
