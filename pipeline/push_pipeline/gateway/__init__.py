"""The HTTP API that the SDKs speak: publish, status, registrations, channels, users."""
