"""Galleries at rest: who is enrolled where, each template sealed under a key of its gallery that lies outside the database."""
