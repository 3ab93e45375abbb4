"""How a variant becomes a prompt: its format, its window, its tokens and positions."""
