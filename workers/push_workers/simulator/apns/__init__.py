"""The APNs stand-in: the checks of one device request, in a fixed order."""
