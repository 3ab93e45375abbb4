"""The page of the tables: made from the schemas, up to date, and true of the rules."""

from fimscope.experiments.registry import all_tables
from pages import ROOT
from write_schemas import tables_page

FOLDERS = {  # by their names in the rules
    "STEERING": "{RESULTS}/steering",
    "SOURCE": "{RESULTS}/source",
    "RESULTS": "results/{study}",
    "TRAINING": "results/training",
}


def test_the_page_is_up_to_date():
    page = (ROOT / "docs/tables.md").read_text()
    again = "python scripts/write_schemas.py --out docs/tables.md"
    assert page == tables_page(all_tables().values()), f"the page is old: {again}"


def test_every_table_stands_where_a_rule_writes_it():
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = rules.replace("{{", "{").replace("}}", "}").replace("{PATCHED}", "{edit}")
    for name, folder in FOLDERS.items():
        rules = rules.replace(f"{{{name}}}", folder)
    places = [table.place for table in all_tables().values() if table.place]
    assert [place for place in places if f'"results/{place}"' not in rules] == []
