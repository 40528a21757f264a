"""Which releases may work on which schema: the decision, without a database."""

import pytest

from push_pipeline.migrations.compatibility import Note, judge

KNOWN = frozenset({"0008", "0009", "0010"})


@pytest.mark.parametrize(
    ("found", "note", "usable", "too_new", "says"),
    [
        (None, None, False, False, "run `push-pipeline migrate`"),
        ("0009", Note("0.2.0", "0008"), False, False, "run `push-pipeline migrate`"),
        ("0010", Note("0.2.0", "0008"), True, False, "revision 0010"),
        ("0011", Note("0.3.0", "0010"), True, True, "works with it"),
        ("0012", Note("0.4.0", "0011"), False, True, "install push-pipeline 0.4.0 or newer"),
        ("0012", None, False, True, "install the newer release"),
    ],
)
def test_a_release_says_whether_it_can_work_with_a_schema(
    found: str | None, note: Note | None, usable: bool, too_new: bool, says: str
) -> None:
    state = judge(found, "0010", KNOWN, note)

    assert (state.revision, state.usable, state.too_new) == (found, usable, too_new)
    assert says in state.says
