"""Who runs the items: one file per engine over a three-method interface. Imports `_core` only."""
