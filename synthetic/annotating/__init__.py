"""Labels by large models: questions, consensus, agreement, which to ask next, issues made up for rare labels."""
