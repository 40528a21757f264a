"""The routes of the HTTP API: find out who asks, check, do, answer in the API's shape."""
