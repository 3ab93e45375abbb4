"""One recipe at several sizes and from several seeds."""
