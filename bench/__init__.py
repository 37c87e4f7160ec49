"""Measurements, each printed as a ratio in one run with machine and versions. Nothing here is imported by the product."""
