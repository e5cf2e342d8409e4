"""A prediction server with a small real model, to try the commands on."""
