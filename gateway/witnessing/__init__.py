"""What the gateway asks of outsiders about its own log: cosignatures of witnesses, and time stamps. Never holds up a request."""
