"""The admin: read-only lists, and who may, stops and resumes messages.

No list counts its whole table, and none sorts or searches by what has no index: a table may
have a hundred million rows. Each shows its newest rows only.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

import push_pipeline
from push_pipeline.contrib.django.charts import outcome_chart
from push_pipeline.contrib.django.models import App, Channel, Device, Run, Template
from push_pipeline.errors import PipelineError

#: Rows that a list goes through at most; older ones are found by their id.
NEWEST: Final = 5000


class _Newest(Paginator):
    """Pages of the newest rows, so that no more than these are ever counted."""

    @cached_property
    def count(self) -> int:
        """Count them."""
        return int(self.object_list[:NEWEST].count())


class _ReadOnlyAdmin(admin.ModelAdmin):
    """A list of the newest rows, which nobody can change."""

    ordering = ("-id",)
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    paginator = _Newest
    exact: tuple[str, ...] = ()  # fields of which a whole value is searched for
    search_fields = ("pk",)  # shows the box; `get_search_results` searches
    search_help_text = "A whole id or name"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a row is made by the pipeline's own calls."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a row changes by the pipeline's own calls."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a row goes by the pipeline's own calls."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find rows of which a field is the whole term; by app, as the indexes begin with it."""
        if not search_term:
            return queryset, False
        found = Q()
        for field in self.exact:
            found |= Q(**{field: search_term})
        apps = list(App.objects.values_list("id", flat=True))
        return queryset.filter(found, app_id__in=apps), False


@admin.display(description="created")
def created(row: Any) -> datetime:
    """Return when a row was made."""
    return _instant(row.created_at)


@admin.register(Channel)
class ChannelAdmin(_ReadOnlyAdmin):
    """Channels by name."""

    list_display = ("name", "app", created)
    list_select_related = ("app",)
    exact = ("name",)


@admin.register(Device)
class DeviceAdmin(_ReadOnlyAdmin):
    """Devices by device id or user id; no token is shown."""

    list_display = ("device_id", "platform", "user_id", "state", "state_reason", "app", created)
    list_select_related = ("app",)
    exact = ("device_id", "user_id")


@admin.register(Template)
class TemplateAdmin(_ReadOnlyAdmin):
    """Templates by name."""

    list_display = ("name", "kind", "app")
    list_select_related = ("app",)
    exact = ("name",)


@admin.register(Run)
class RunAdmin(_ReadOnlyAdmin):
    """What was sent, firing by firing; the message, and a chart of what became of it."""

    list_display = ("message", "n", "channel", "state", "audience", "due")
    list_select_related = ("message",)
    fields = ("message", "n", "channel", "text", "state", "due", "outcomes", "error_message")
    exact = ("message_id",)
    actions = ("cancel", "pause", "resume")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find the runs of a message, with or without the prefix of its id."""
        if not search_term:
            return queryset, False
        return queryset.filter(message_id="message:" + search_term.removeprefix("message:")), False

    @admin.display(description="channel")
    def channel(self, run: Run) -> str:
        """Return where it went."""
        return run.message.channel or "by user"

    @admin.display(description="text")
    def text(self, run: Run) -> str:
        """Return what it says."""
        return str(run.message.content.get("message", ""))

    @admin.display(description="due")
    def due(self, run: Run) -> datetime:
        """Return when it was to begin."""
        return _instant(run.due_at)

    @admin.display(description="outcomes")
    def outcomes(self, run: Run) -> SafeString:
        """Draw what became of its devices, and say why some were refused."""
        ledger = push_pipeline.status(run.message_id)
        [counts] = [counted for counted in ledger["runs"] if counted["n"] == run.n]
        reasons = sorted(counts["byReason"].items(), key=lambda reason: -reason[1])
        return outcome_chart(counts) + format_html_join("", "<br>{}: {}", reasons)

    @admin.action(description="Cancel the messages", permissions=["control"])
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        """End them for good."""
        self._control(request, queryset, push_pipeline.cancel)

    @admin.action(description="Pause the messages", permissions=["control"])
    def pause(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Stop them where they are."""
        self._control(request, queryset, push_pipeline.pause)

    @admin.action(description="Resume the messages", permissions=["control"])
    def resume(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Let them go on."""
        self._control(request, queryset, push_pipeline.resume)

    def has_control_permission(self, request: HttpRequest) -> bool:
        """Say who may do this: the permission `push_pipeline.control_message`."""
        return bool(request.user.has_perm("push_pipeline.control_message"))

    def _control(self, request: HttpRequest, queryset: QuerySet, do: Callable[..., object]) -> None:
        for run in queryset.select_related("message"):
            try:
                do(run.message_id, app=run.message.app_id)
            except PipelineError as error:
                self.message_user(request, f"{run.message_id}: {error}", messages.WARNING)
            else:
                self.log_change(request, run, f"{do.__name__} {run.message_id}")
                done = f"{run.message_id}: {do.__name__} done"
                self.message_user(request, done, messages.SUCCESS)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
