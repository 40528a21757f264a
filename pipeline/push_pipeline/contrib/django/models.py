"""The pipeline's tables as Django sees them: to be read, in the admin and in queries.

Unmanaged, and refusing to write: rows change only by the pipeline's own calls, which keep its
promises. Instants are epoch milliseconds.
"""

from typing import Any, NoReturn

from django.db import models


class ReadOnly(models.Model):
    """A table that Django reads only."""

    class Meta:
        """No table of its own."""

        abstract = True

    def save(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: see the calls of `push_pipeline`."""
        raise NotImplementedError("these rows are written by push_pipeline's own calls")

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: see the calls of `push_pipeline`."""
        self.save()


class App(ReadOnly):
    """A tenant."""

    id = models.TextField(primary_key=True)
    name = models.TextField()

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_app"

    def __str__(self) -> str:
        return str(self.name)


class Channel(ReadOnly):
    """A named channel of an app."""

    id = models.BigAutoField(primary_key=True)
    app = models.ForeignKey(App, models.DO_NOTHING)
    name = models.TextField()
    created_at = models.BigIntegerField()

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_channel"

    def __str__(self) -> str:
        return str(self.name)


class Device(ReadOnly):
    """One installation of an app. Its token is not among these columns."""

    id = models.BigAutoField(primary_key=True)
    app = models.ForeignKey(App, models.DO_NOTHING)
    device_id = models.TextField()
    platform = models.TextField()
    os_version = models.TextField(null=True)
    user_id = models.TextField(null=True)
    locale = models.TextField(null=True)
    time_zone = models.TextField(null=True)
    state = models.TextField()
    state_reason = models.TextField(null=True)
    state_since = models.BigIntegerField(null=True)
    created_at = models.BigIntegerField()
    registered_at = models.BigIntegerField()
    channels = models.ManyToManyField(Channel, through="Subscription")

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_device"

    def __str__(self) -> str:
        return str(self.device_id)


class Subscription(ReadOnly):
    """A device listens to a channel."""

    pk = models.CompositePrimaryKey("channel_id", "device_id")
    channel = models.ForeignKey(Channel, models.DO_NOTHING, db_column="channel_key")
    device = models.ForeignKey(Device, models.DO_NOTHING, db_column="device_key")

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_subscription"


class Template(ReadOnly):
    """A stored push, button or channel template."""

    id = models.BigAutoField(primary_key=True)
    app = models.ForeignKey(App, models.DO_NOTHING)
    kind = models.TextField()
    name = models.TextField()
    body = models.JSONField()
    updated_at = models.BigIntegerField()

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_template"

    def __str__(self) -> str:
        return str(self.name)


class Message(ReadOnly):
    """One publish: what is said, to whom, and how."""

    id = models.TextField(primary_key=True)
    app = models.ForeignKey(App, models.DO_NOTHING)
    channel = models.TextField()
    content = models.JSONField()
    delivery_options = models.JSONField()
    state = models.TextField()
    error_message = models.TextField(null=True)
    created_at = models.BigIntegerField()
    ended_at = models.BigIntegerField(null=True)

    class Meta:
        """The pipeline's table, and who may cancel, pause and resume."""

        managed = False
        db_table = "pipeline_message"
        permissions = [("control_message", "Can cancel, pause and resume messages")]

    def __str__(self) -> str:
        return str(self.id)


class Run(ReadOnly):
    """One firing of a message."""

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(Message, models.DO_NOTHING)
    n = models.IntegerField()
    due_at = models.BigIntegerField()
    state = models.TextField()
    zone = models.TextField(null=True)
    audience = models.IntegerField()
    started_at = models.BigIntegerField(null=True)
    finished_at = models.BigIntegerField(null=True)
    error_message = models.TextField(null=True)

    class Meta:
        """The pipeline's table."""

        managed = False
        db_table = "pipeline_run"

    def __str__(self) -> str:
        return f"{self.message_id} run {self.n}"
