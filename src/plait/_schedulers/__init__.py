"""Who goes next in a controlled execution: one file per strategy, three methods each. Imports `_core` only."""
