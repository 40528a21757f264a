"""The shop's pages, Django's own for sign-in, and what its app asks for its device."""

from django.contrib import admin
from django.urls import include, path

from shop import views

urlpatterns = [
    path("", views.orders, name="orders"),
    path("orders/<int:number>/pay", views.pay, name="pay"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    path("push/", include("push_pipeline.contrib.django.urls")),
]
