"""People look before a result is released. Knows no image decoding and no HTTP."""
