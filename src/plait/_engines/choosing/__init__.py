"""How `engine="auto"` comes to its choice: what measures the first calls, what decides by it, what carries it out.

May import the rest of `_engines`.
"""
