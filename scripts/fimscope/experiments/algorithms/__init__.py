"""By which algorithm a type is found: whether answers follow what is planted for each to find."""
