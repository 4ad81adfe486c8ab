"""Who goes next in a controlled execution: one file per strategy over a three-method interface. Imports `_core` only."""
