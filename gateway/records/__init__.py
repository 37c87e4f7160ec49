"""Decisions and outcomes as canonical bytes, and the way back. Never an image, a template or a name."""
