"""How much of an edit it takes."""
