"""Tasks that cannot outlive a block: `plait.scope`, its parts, and what runs its tasks.

May import the rest of `_run`.
"""
