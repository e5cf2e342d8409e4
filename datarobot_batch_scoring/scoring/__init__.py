"""The engine: batches in, scored rows out, with threads and no process.

It may import `dataset`, `server`, `output`, `report.predictions` and `report.tally`, besides
`errors` and `compat`.
"""
