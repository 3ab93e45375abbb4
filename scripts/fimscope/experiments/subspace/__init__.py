"""How many dimensions of the stream carry the type, and what writing into them does."""
