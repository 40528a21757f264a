"""When a device was put out of service, and what finds a message by a name in its lists.

An operator takes devices back into service by when or why they were put out; a user or a device
that is to be forgotten is looked for in the messages that name them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OUT = sa.text("state <> 'active'")

#: The lists of names in a message's delivery options, and which messages have one.
_LISTS = {
    "pipeline_message_to_users": ("pushUsers", "IS NOT NULL"),
    "pipeline_message_to_devices": ("pushSinglecast", "<> '[]'"),
}


def upgrade() -> None:
    op.add_column("pipeline_device", sa.Column("state_since", sa.BigInteger(), nullable=True))
    _index("pipeline_device_out_since", ["app_id", "state_since", "id"])
    _index("pipeline_device_out_because", ["app_id", "state_reason", "state_since", "id"])
    if op.get_bind().dialect.name == "postgresql":
        for name, (option, given) in _LISTS.items():
            listed = f"(delivery_options -> '{option}')"
            op.execute(
                f"CREATE INDEX {name} ON pipeline_message USING gin"
                f" ({listed} jsonb_path_ops) WHERE {listed} {given}"
            )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in _LISTS:
            op.drop_index(name, "pipeline_message")
    op.drop_index("pipeline_device_out_because", "pipeline_device")
    op.drop_index("pipeline_device_out_since", "pipeline_device")
    op.drop_column("pipeline_device", "state_since")


def _index(name: str, columns: list[str]) -> None:
    op.create_index(name, "pipeline_device", columns, postgresql_where=_OUT, sqlite_where=_OUT)
