"""The input: what kind of file it is, where its records end, and the batches cut from it.

It may import nothing besides `errors` and `compat`.
"""
