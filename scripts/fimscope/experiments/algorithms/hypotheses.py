"""The algorithms that an answer may come from, and what each is held to read."""

# What is planted for each to find, beside a control that plants the same elsewhere.
PLANTED = {
    "nearest": "copies the nearest annotation",
    "alike": "copies an annotation that reads like the answer",
    "name": "reads the hole's name",
    "values": "reads the default or the returned values",
}
# What is hidden from attention, beside as many other tokens: it moves an answer, to no type.
HIDDEN = {"uses": "reads the uses of the name"}
HYPOTHESES = PLANTED | HIDDEN

# A value of each type that one can be written for, as short as they come.
LITERALS = {"string": '"a"', "number": "1", "boolean": "true", "bigint": "1n", "null": "null"}
