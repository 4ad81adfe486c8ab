"""Pictures of what threads did, for a terminal and for a browser: the same for a failing schedule and a production run. Imports `_core` only."""
