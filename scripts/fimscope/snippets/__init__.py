"""One snippet of one's own: what a model says in its hole, and what decides it."""
