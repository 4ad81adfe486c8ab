"""The words every layer shares: Batch, Feed, Job, Outcome, errors, budget. Imports the standard library only."""
