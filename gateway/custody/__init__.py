"""The log's key and guard as files: opening the log with them, rotating the key, recovering under a new name."""
