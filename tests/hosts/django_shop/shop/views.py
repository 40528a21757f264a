"""An order is paid: the row and the push are one transaction."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, JsonResponse

from push_pipeline.contrib.django import apublish, push_to_user
from shop.models import Order


class PaymentRefused(Exception):
    """The bank said no."""


@login_not_required
@transaction.atomic
def buy(request: HttpRequest) -> JsonResponse:
    order = Order.objects.create(buyer=request.POST["buyer"])
    receipt = push_to_user(order.buyer, f"Order {order.pk} is on its way")
    if "refused" in request.POST:
        raise PaymentRefused
    return JsonResponse({"messageId": receipt.message_id})


@login_not_required
async def buy_async(request: HttpRequest) -> JsonResponse:
    receipt = await apublish("offers", "Somebody bought")
    return JsonResponse({"messageId": receipt.message_id})
