"""How executors that somebody else owns run items: their threads as workers, or a batch as one call of theirs.

May import the rest of `_engines`.
"""
