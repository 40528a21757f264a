"""Why a route rests and since when, and what its provider answered lately."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COUNTS = ("accepted_lately", "misrouted_lately", "dead_lately", "troubled_lately")


def upgrade() -> None:
    for name in ("rest_cause", "rest_reason"):
        op.add_column("pipeline_credential", sa.Column(name, sa.Text()))
    for name in ("troubled_since", "answered_at", "accepted_at", "counted_at"):
        op.add_column("pipeline_credential", sa.Column(name, sa.BigInteger()))
    for name in _COUNTS:
        _add(name, sa.Double(), sa.text("0"))
    # A credential that works has shown it before this revision, and must not show it anew.
    op.execute("UPDATE pipeline_credential SET accepted_at = updated_at")


def _add(name: str, kind: Any, default: Any) -> None:
    column: Any = sa.Column(name, kind, nullable=False, server_default=default)
    op.add_column("pipeline_credential", column)


def downgrade() -> None:
    names = ("rest_cause", "rest_reason", "troubled_since", "answered_at", "accepted_at")
    for name in (*names, "counted_at", *_COUNTS):
        op.drop_column("pipeline_credential", name)
