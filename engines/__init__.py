"""Makes engines of the nets ahead of time, and holds them against eager torch."""
