"""News sense: when something was published, who said it, which articles copy or contradict which."""
