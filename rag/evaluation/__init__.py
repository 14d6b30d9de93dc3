"""How good the answers are: a question set in, scores with intervals out. No language model."""
