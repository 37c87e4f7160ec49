"""An append-only log of bytes that a stranger can verify. Knows no faces, no purposes, no HTTP."""
