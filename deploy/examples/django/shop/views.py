"""Order, and pay: what is paid is told to the phones of the buyer."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from push_pipeline.contrib.django import push_to_user
from shop.models import Order


def orders(request: HttpRequest) -> HttpResponse:
    """List the user's orders, or take a new one."""
    if request.method == "POST":
        Order.objects.create(buyer=request.user, item=request.POST["item"])
        return redirect("orders")
    mine = Order.objects.filter(buyer=request.user).order_by("-pk")
    return render(request, "shop/orders.html", {"orders": mine})


@require_POST
def pay(request: HttpRequest, number: int) -> HttpResponse:
    """Mark an order as paid, and say so: the row and the push are one transaction."""
    order = get_object_or_404(Order.objects.select_for_update(), pk=number, buyer=request.user)
    if not order.paid:
        order.paid = True
        order.save()
        push_to_user(request.user, f"{order.item}: paid, and on its way")
    return redirect("orders")
