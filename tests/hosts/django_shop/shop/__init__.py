"""A shop: an order is paid, and its buyer gets a push."""
