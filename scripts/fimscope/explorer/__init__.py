"""The explorer's pages: what they show, packed for a browser that reads them from the disk."""
