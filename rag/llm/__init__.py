"""A chat model, where the user has one: it writes, and is never believed."""
