"""What a trace says, in words and figures: `summarise` asks each of the others. Pure.

May import the rest of `_see`.
"""
