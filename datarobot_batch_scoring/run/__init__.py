"""A run, from its settings to its result.

It may import `settings`, `console`, `dataset`, `server`, `output`, `report` and `processes`, besides
`errors` and `compat`.
"""
