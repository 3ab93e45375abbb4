"""The algorithms that an answer may come from, and what each is held to read."""

# What is planted for each to find, beside a control that plants the same elsewhere.
PLANTED = {
    "nearest": "copies the nearest annotation",
    "alike": "copies an annotation that reads like the answer",
    "name": "reads the hole's name",
    "type_of_name": "reads which type such names have",
    "values": "reads the default or the returned values",
}
# What is hidden from attention, beside as many other tokens: it moves an answer, to no type.
HIDDEN = {"uses": "reads the uses of the name"}
HYPOTHESES = PLANTED | HIDDEN
# What an answer hangs on where the change moves it and the control does not. That it comes from
# there by the algorithm takes more: that it becomes what was planted.
READ = {
    "nearest": "the nearest annotation",
    "alike": "an annotation that reads like it",
    "name": "the hole's name",
    "type_of_name": "which type that name has elsewhere",
    "values": "the default or the returned values",
    "uses": "the uses of the name",
}
# A part of another: both ask of the hole's name.
PARTS = {"type_of_name": "name"}
# What most prompts have: an answer that was asked both can be explained by them, or not.
USUAL = ("nearest", "name")

# What stands for the type where it is planted: its own text, a name that tells it, a value of it.
PLANTED_AS = {
    "nearest": "type",
    "alike": "type",
    "name": "name",
    "type_of_name": "name",
    "values": "value",
}
# A value of each type that one can be written for, as short as they come.
LITERALS = {"string": '"a"', "number": "1", "boolean": "true", "bigint": "1n", "null": "null"}
