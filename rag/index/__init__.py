"""The index: article store, vectors, postings and manifest; building it and opening it."""
