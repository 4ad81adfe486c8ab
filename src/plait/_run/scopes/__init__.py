"""Tasks that cannot outlive a block: `plait.scope`, its parts, and what runs its tasks."""
