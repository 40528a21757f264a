"""What an app asks its host for: its device registered or removed, the ledger of a message.

The host authenticates, by its session or by what else sets `request.user`; its CSRF protection
stays in force. Errors are in the API's shape.
"""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View

from push_pipeline import status
from push_pipeline.contrib.django import devices
from push_pipeline.contrib.pages import SIGN_IN, read_object, told
from push_pipeline.errors import OperationDenied, PipelineError


@method_decorator(login_not_required, name="dispatch")  # answers 401 itself, not by a login page
class _Asked(View):
    """A view for signed-in users, with errors as JSON."""

    def dispatch(self, request: HttpRequest, *arguments: Any, **named: Any) -> Any:
        """Answer a signed-in user, and turn what was refused into its error."""
        if not request.user.is_authenticated:
            return JsonResponse(SIGN_IN, status=401)
        try:
            return super().dispatch(request, *arguments, **named)
        except PipelineError as error:
            return JsonResponse(told(error), status=error.http_status)


class Devices(_Asked):
    """`POST devices/`: register the caller's device."""

    def post(self, request: HttpRequest) -> JsonResponse:
        """Register a device: `deviceId`, `deviceToken`, `os`, and the API's other fields."""
        devices.register(request, read_object(request.body))
        return JsonResponse({"registered": True})


class Device(_Asked):
    """`DELETE devices/ID/`: remove a device of the caller's."""

    def delete(self, request: HttpRequest, device_id: str) -> JsonResponse:
        """Remove it."""
        devices.unregister(request, device_id)
        return JsonResponse({"registered": False})


class Message(_Asked):
    """`GET messages/ID/`: the ledger of a message, for who may view messages."""

    def get(self, request: HttpRequest, message_id: str) -> JsonResponse:
        """Read it."""
        if not request.user.has_perm("push_pipeline.view_message"):
            raise OperationDenied
        return JsonResponse(status(message_id))
