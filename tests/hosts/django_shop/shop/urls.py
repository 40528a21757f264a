"""The shop's pages."""

from django.contrib import admin
from django.urls import include, path

from shop.views import buy, buy_async

urlpatterns = [
    path("admin/", admin.site.urls),
    path("push/", include("push_pipeline.contrib.django.urls")),
    path("buy/", buy),
    path("buy-async/", buy_async),
]
