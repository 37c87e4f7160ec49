"""Recognisers: from an aligned face to a template. Each names its digest; templates of two never meet."""
