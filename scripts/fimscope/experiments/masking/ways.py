"""What is masked, and in which ways."""

# The edit that takes each of them out of the text; the siblings go by a narrower window.
EDITS = {
    "annotations": "delete_annotations",
    "comments": "strip_comments",
    "names": "rename_vars",
}
SIBLINGS = "siblings"
TEXT = (*EDITS, SIBLINGS)
# The kinds of regions that are hidden from attention.
REGIONS = ("annotation", "comment", "use", "declaration")
WAYS = {"text": TEXT, "attention_last": REGIONS, "attention_later": REGIONS}
