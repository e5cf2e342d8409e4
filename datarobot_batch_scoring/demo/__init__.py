"""A prediction server with a small real model, for trying out the commands."""
