"""The gateway: the only package that knows HTTP and the registry's database."""
