"""A run, from its settings to its result.

It may import `settings`, `console`, `dataset`, `server`, `output`, `report`, `scoring` and `local`, besides
`errors` and `compat`.
"""
