"""How often the model is right, and what an edit does to that."""
