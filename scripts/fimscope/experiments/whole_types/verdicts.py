"""The verdicts on an answer and which of them count as right; the forms that a gold may have."""

# From the best to the worst; `fimscope/typescript/verdicts.mjs` says what they mean.
VERDICTS = ("same", "equivalent", "checks", "fails")
RIGHT = {"same": VERDICTS[:1], "equivalent": VERDICTS[:2]}
FORMS = ("builtin", "name", "array", "generic", "union", "function", "other")
