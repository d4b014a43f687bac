"""Ways to label issues, from the most frequent labels to a tuned model, all asked alike (`eval.systems.system`)."""
