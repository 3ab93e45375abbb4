"""The page of the tables: made from the schemas, up to date, and true of the rules."""

from fimscope.files.schemas import SCHEMAS
from pages import ROOT
from write_schemas import PARTS, PLACES, column_remarks, tables_page

SOURCE = (ROOT / "scripts/fimscope/files/schemas.py").read_text()
FOLDERS = {  # by their names in the rules
    "STEERING": "{RESULTS}/steering",
    "SOURCE": "results/source",
    "RESULTS": "results/{model}",
    "TRAINING": "results/training",
}


def test_the_page_is_up_to_date():
    page = (ROOT / "docs/tables.md").read_text()
    again = "python scripts/write_schemas.py --out docs/tables.md"
    assert page == tables_page(PLACES, SOURCE), f"the page is old: {again}"


def test_every_table_stands_where_a_rule_writes_it():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = rules.replace("{{", "{").replace("}}", "}").replace("{PATCHED}", "{edit}")
    for name, folder in FOLDERS.items():
        rules = rules.replace(f"{{{name}}}", folder)
    assert {*PLACES, *PARTS} == {*SCHEMAS}
    assert [path for path, _ in PLACES.values() if f'"results/{path}"' not in rules] == []


def test_remarks_come_from_the_columns_lines_and_from_lists_with_a_star():
    remarks = column_remarks(
        'KEY = [("id", pa.string())]  # of all\n'
        'MORE = (\n    ("a", pa.int32()),  # first\n    *KEY,  # whose\n)\n'
        'SCHEMAS: dict = {\n    "one": [\n        *MORE,\n'
        '        ("b", pa.int32()),  # second | last\n        ("c", pa.int32()),\n    ],\n'
        '    "two": MORE,\n}\n'
    )
    assert remarks == {
        "one": {"a": "first", "id": "of all", "b": "second | last"},
        "two": {"a": "first", "id": "of all"},
    }
