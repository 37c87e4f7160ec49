"""Purpose policies: Facts in, Permit or Refusal out. Pure: no HTTP, no database, no image."""
