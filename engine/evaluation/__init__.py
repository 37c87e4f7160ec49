"""Measure a recogniser on labelled images: how often it errs, and on whom. It never hears of a purpose, and keeps no image."""
