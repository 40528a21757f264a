"""A push service of browsers, with the manners of each of the four."""
