"""``plait.advise``: trials of a function on every engine, and what follows from them.

May import the rest of `_see`.
"""
