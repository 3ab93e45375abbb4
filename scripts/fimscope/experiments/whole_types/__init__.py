"""How often a whole completed type is right, whatever the length of the gold, by the compiler."""
