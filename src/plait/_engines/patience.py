"""How long a function that cannot be killed gets to stop, in seconds: told, then interrupted, then left behind."""

GRACE = 0.05  # in which a task that polls ``current().cancelled`` can end by itself
AGAIN = 0.02  # until the exception is offered again to a thread that could not take it
UNWIND = 0.12  # that an injected exception has to get a function out of its code
LOOKS = 4  # and how often whoever waits for it must have got the GIL meanwhile: then the function has got it, too
HELD_UP = 5.0  # at most: while it stops what it has started itself, a scope or a map, or others have the cores
