"""The JSON doors: parse, call enforcement, render."""
