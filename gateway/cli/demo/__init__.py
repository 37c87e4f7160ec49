"""The demo: a small world, a story of four scenes on the running service, and links to go on from."""
