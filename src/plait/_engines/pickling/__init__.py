"""How objects cross to other processes: by name or by value, and what is said of those that cannot.

May import the rest of `_engines`.
"""
