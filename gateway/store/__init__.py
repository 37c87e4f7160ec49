"""The registry's database: sessions and migrations. Never the log."""
