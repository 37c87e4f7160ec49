"""The recognition engine: images in, candidates out. It never hears of a purpose."""
