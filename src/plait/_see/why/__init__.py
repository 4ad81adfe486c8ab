"""Why a process does not go on: what is seen of it, what each wait waits for, and what can never end.

May import the rest of `_see`.
"""
