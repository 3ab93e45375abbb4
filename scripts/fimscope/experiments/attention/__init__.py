"""From which regions of the prompt the last token reads."""
