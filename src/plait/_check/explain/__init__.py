"""The findings: each module explains one kind of failure, from records, histories and the source. Pure.

May import the rest of `_check`. An execution that failed is explained by `cause`, which asks the others.
"""
