"""From raw source to programs: where inputs come from, which are kept, which belong together."""
