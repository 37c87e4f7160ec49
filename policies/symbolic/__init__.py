"""Every request that could be, as formulas: what lint, prove and diff reason with. Never decides; each finding is put to the judge."""
