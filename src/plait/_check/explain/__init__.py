"""The findings: each module explains one kind of failure, from records, histories and the source. Pure.

May import the rest of `_check`, which reaches it by `cause` only.
"""
