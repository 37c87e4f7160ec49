"""Put the house together: the one place that names concrete classes."""
