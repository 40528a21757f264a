"""`path("push/", include("push_pipeline.contrib.django.urls"))`."""

from django.urls import path

from push_pipeline.contrib.django.views import Device, Devices, Message

app_name = "push_pipeline"

urlpatterns = [
    path("devices/", Devices.as_view(), name="devices"),
    path("devices/<path:device_id>/", Device.as_view(), name="device"),
    path("messages/<str:message_id>/", Message.as_view(), name="message"),
]
