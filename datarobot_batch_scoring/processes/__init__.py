"""The processes of a run: what each one does, and what it says to the others.

It may import `dataset`, `server`, `output` and `report.predictions`, besides `errors` and `compat`.
"""
