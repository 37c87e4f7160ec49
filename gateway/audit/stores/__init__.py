"""Where the log's bytes come to rest. A store keeps what it acknowledged, through a power cut."""
