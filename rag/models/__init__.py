"""The networks: where they are, whether they are the right ones, and how to run them."""
