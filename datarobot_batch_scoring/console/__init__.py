"""What a person sees and is asked: questions, progress and logs, without secrets.

It may import nothing besides `errors` and `compat`.
"""
