"""Who is calling: from a bearer token to a Caller. Knows no purpose and no policy."""
