"""From numbers to a page: figures, tables, sentences, references."""
