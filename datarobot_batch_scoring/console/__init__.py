"""What a person sees and is asked: questions, progress, logs, and no secret in any of them.

It may import nothing of the other packages, besides `errors` and `compat`.
"""
