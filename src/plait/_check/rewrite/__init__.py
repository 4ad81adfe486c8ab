"""From the source of a module to its code with hooks: `module` does it, by way of the others.

May import the rest of `_check`.
"""
