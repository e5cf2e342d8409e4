"""The writer process, which belongs to `local`."""
