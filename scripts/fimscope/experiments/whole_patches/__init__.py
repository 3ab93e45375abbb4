"""From which point a lent whole type arrives, and whether its tokens arrive together."""
