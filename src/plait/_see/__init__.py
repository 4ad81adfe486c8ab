"""SEE: records what a program's threads, tasks and workers do, says in words what that cost, and has it drawn.

Imports `_draw` and `_core`; neither `_run` nor `_check`.
"""
