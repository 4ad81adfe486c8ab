"""How an event loop runs items: the parts of `AsyncEngine`, in a thread of our own or in the loop that is there.

May import the rest of `_engines`.
"""
