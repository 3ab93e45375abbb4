import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fimscope.corpus.inputs import Refusal
from fimscope.corpus.licenses import is_allowed
from fimscope.corpus.sources import list_inputs, read_sources
from fimscope.errors import UserError

REPOSITORY = Path(__file__).parents[2]
ALLOWED = ["MIT", "Apache-2.0"]
PROGRAM = "export function pad(text: string, width: number): string {\n  return text;\n}\n"


def listed(root, *sources, licenses=ALLOWED, max_bytes=200_000):
    return list(list_inputs(read_sources(json.dumps(sources)), root, licenses, max_bytes))


def install(root, name, manifest, files=("index.ts",)):
    folder = root / "node_modules" / name
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(PROGRAM)
    (folder / "package.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("mit", True),
        ("ISC", False),
        ("Apache-2.0 OR MIT", True),
        ("GPL-3.0 OR MIT", True),
        ("(GPL-3.0 OR MIT)", True),
        ("GPL-3.0 AND MIT", False),
        ("MIT AND Apache-2.0", True),
        ("MIT AND (GPL-3.0 OR Apache-2.0)", True),
        ("GPL-3.0 AND MIT OR GPL-3.0", False),
        ("GPL-3.0 AND ISC OR MIT", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("Apache-2.0 WITH LLVM-exception OR MIT", True),
        ("SEE LICENSE IN LICENSE.md", False),
        ("MIT OR", False),
        ("MIT Apache-2.0", False),
        ("(MIT", False),
        ("MIT)", False),
        ("(" * 5000, False),
        ("none declared", False),
        ("", False),
    ],
)
def test_license(expression, allowed):
    assert is_allowed(expression, ALLOWED) is allowed


def test_a_license_with_an_exception_is_allowed_as_it_stands():
    assert is_allowed("apache-2.0 with llvm-exception", ["Apache-2.0 WITH LLVM-exception"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "source: no JSON"),
        ("[]", "source: expected a list of one or more"),
        ('["rxjs"]', r"source\[0\].kind: None is not one of npm, directory, huggingface"),
        ('[{"kind": "git"}]', r"source\[0\].kind: 'git' is not one of"),
        ('[{"kind": ["npm"]}]', r"source\[0\].kind: \['npm'\] is not one of"),
        ('[{"kind": "npm"}]', r"source\[0\].packages: missing"),
        ('[{"kind": "npm", "packages": "a@1.0.0"}]', r"packages: 'a@1.0.0' found, expected a list"),
        ('[{"kind": "npm", "packages": [1]}]', r"packages: \[1\] found, expected a list of texts"),
        ('[{"kind": "npm", "pakages": ["a@1.0.0"]}]', r"source\[0\].pakages: npm has no such key"),
        ('[{"kind": "directory", "path": ""}]', "path: '' found, expected a text"),
        ('[{"kind": "huggingface"}]', "either `id`"),
        ('[{"kind": "huggingface", "id": "a/b", "files": ["c"]}]', "either `id`"),
        (
            '[{"kind": "huggingface", "id": "a/b"}]',
            r"revision: None found, expected the full commit",
        ),
        ('[{"kind": "huggingface", "id": "a/b", "revision": "main"}]', "revision: 'main' found"),
    ],
)
def test_a_mistaken_source_is_named(text, message):
    with pytest.raises(UserError, match=message):
        read_sources(text)


@pytest.mark.process
def test_installed_packages():
    packages = ["@noble/hashes@2.4.0", "multiformats@14.0.5", "ethers@6.17.0"]
    inputs = listed(REPOSITORY, {"kind": "npm", "packages": packages})
    for name, version, license in [
        ("@noble/hashes", "2.4.0", "MIT"),
        ("multiformats", "14.0.5", "Apache-2.0 OR MIT"),
        ("ethers", "6.17.0", "MIT"),
    ]:
        # The same listing by another program.
        folder = REPOSITORY / "node_modules" / name
        command = "find . -name node_modules -prune -o -type f -name '*.*ts' -print"
        found = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
        own = [item for item in inputs if item.origin.package == name]
        assert all(item.origin[1:] == (version, license) for item in own)
        files = {item.path for item in own if not isinstance(item.body, Refusal)}
        assert files == {line.removeprefix("./") for line in found.stdout.splitlines()}
        assert len(files) > 15
    nested = [item for item in inputs if isinstance(item.body, Refusal)]
    assert [(item.path, item.body.reason) for item in nested] == [
        ("node_modules", "outside_source")
    ]


def test_a_package_that_is_missing_or_of_another_version(tmp_path):
    install(tmp_path, "here", {"name": "here", "version": "1.0.1", "license": "MIT"})
    with pytest.raises(UserError, match=r"packages\[1\]: gone is not installed .* run `npm ci`"):
        listed(tmp_path, {"kind": "npm", "packages": ["here@1.0.1", "gone@1.0.0"]})
    with pytest.raises(UserError, match=r"here@1.0.0 asked for, 1.0.1 installed .* run `npm ci`"):
        listed(tmp_path, {"kind": "npm", "packages": ["here@1.0.0"]})


@pytest.mark.parametrize("pin", ["rxjs", "rxjs@^7.8.2", "rxjs@latest", "../../etc@1.0.0", "@1.0.0"])
def test_a_package_without_a_pin(tmp_path, pin):
    with pytest.raises(UserError, match=r"packages\[0\]: .* is no pin; expected name@version"):
        listed(tmp_path, {"kind": "npm", "packages": [pin]})


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "\udcff"])
def test_a_damaged_package_json_is_named(tmp_path, text):
    folder = tmp_path / "node_modules" / "bad"
    folder.mkdir(parents=True)
    (folder / "package.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"bad/package.json"):
        listed(tmp_path, {"kind": "npm", "packages": ["bad@1.0.0"]})


def test_a_package_whose_license_is_not_allowed_is_one_refused_input(tmp_path):
    licenses = {
        "copyleft": {"license": "GPL-3.0"},
        "none": {},
        "either": {"license": "(GPL-3.0 OR MIT)"},
        "old": {"license": {"type": "MIT"}},
        "oldest": {"licenses": [{"type": "GPL-3.0"}, {"type": "Apache-2.0"}]},
    }
    for name, declared in licenses.items():
        install(tmp_path, name, {"version": "1.0.0", **declared}, ("a.ts", "b.ts"))
    pins = [f"{name}@1.0.0" for name in licenses]
    inputs = listed(tmp_path, {"kind": "npm", "packages": pins})
    refused = [item for item in inputs if isinstance(item.body, Refusal)]
    assert [(item.origin.package, item.path, item.body.reason) for item in refused] == [
        ("copyleft", ".", "license"),
        ("none", ".", "license"),
    ]
    assert "GPL-3.0, not one of MIT, Apache-2.0" in refused[0].body.detail
    assert len(inputs) == 2 + 3 * 2


def test_directory(tmp_path):
    (tmp_path / "my code" / "inner").mkdir(parents=True)
    (tmp_path / "my code" / "inner" / "a.ts").write_text(PROGRAM)
    (item,) = listed(tmp_path, {"kind": "directory", "path": "my code"})
    assert (item.origin.package, item.origin.license, item.path) == ("my code", None, "inner/a.ts")
    absolute = {"kind": "directory", "path": str(tmp_path / "my code"), "package": "mine"}
    (item,) = listed(Path("/"), {**absolute, "license": "MIT"})
    assert (item.origin.package, item.origin.license) == ("mine", "MIT")
    (item,) = listed(tmp_path, {**absolute, "license": "GPL-3.0"})
    assert item.body.reason == "license"
    with pytest.raises(UserError, match=r"source\[0\].path: 'gone' is no folder"):
        listed(tmp_path, {"kind": "directory", "path": "gone"})


def test_data_set_in_parquet(tmp_path):
    columns = {"content": [PROGRAM, None, "\ufeffx\r\n"], "file": ["src/a.ts", "b.ts", None]}
    pq.write_table(pa.table({**columns, "repo": ["one", "two", None]}), tmp_path / "x.parquet")
    source = {"kind": "huggingface", "files": ["x.parquet"]}
    inputs = listed(tmp_path, source)
    assert [item.path for item in inputs] == ["row 0", "row 1", "row 2"]
    assert [item.body for item in inputs] == [PROGRAM.encode(), b"", b"\xef\xbb\xbfx\r\n"]
    assert {item.origin.package for item in inputs} == {"x"}
    assert not any(item.named for item in inputs)
    named = listed(tmp_path, {**source, "path_column": "file", "package_column": "repo"})
    assert [(item.origin.package, item.path, item.named) for item in named] == [
        ("one", "src/a.ts", True),
        ("two", "b.ts", True),
        ("x", "row 2", False),
    ]


def test_data_set_in_json_lines(tmp_path):
    (tmp_path / "y.jsonl").write_text(json.dumps({"code": PROGRAM}) + "\n" + '{"code": "let a"}\n')
    source = {"kind": "huggingface", "files": ["y.jsonl"], "text_column": "code", "package": "mine"}
    for text in (None, json.dumps([{"code": PROGRAM}, {"code": "let a"}])):
        if text is not None:
            (tmp_path / "y.jsonl").write_text(text)
        inputs = listed(tmp_path, {**source, "split": "eval"})
        assert [item.body for item in inputs] == [PROGRAM.encode(), b"let a"]
        assert inputs[0].origin.package == "mine"


def test_files_of_both_kinds_are_one_data_set(tmp_path):
    pq.write_table(pa.table({"content": ["let a"]}), tmp_path / "x.parquet")
    (tmp_path / "y.jsonl").write_text('{"content": "let b"}')
    inputs = listed(tmp_path, {"kind": "huggingface", "files": ["x.parquet", "y.jsonl"]})
    assert [(item.path, item.body) for item in inputs] == [("row 0", b"let a"), ("row 1", b"let b")]


def test_a_text_of_a_data_set_that_is_no_unicode_is_a_row_like_others(tmp_path):
    texts = pa.array([b"let a = 1;", b"// \xe9"]).cast(pa.binary())
    column = pa.Array.from_buffers(pa.string(), 2, texts.buffers())
    pq.write_table(pa.table({"content": column}), tmp_path / "x.parquet")
    (tmp_path / "y.jsonl").write_text('{"content": "\\ud800"}\n')
    inputs = listed(tmp_path, {"kind": "huggingface", "files": ["x.parquet"]})
    assert [item.body for item in inputs] == [b"let a = 1;", b"// \xe9"]
    inputs = listed(tmp_path, {"kind": "huggingface", "files": ["y.jsonl"]})
    assert [item.body for item in inputs] == [b"\xed\xa0\x80"]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_a_data_set_that_is_rewritten_with_the_same_size_and_time_is_read_anew(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    for name in ("pad", "fit"):
        text = f"export function {name}(text: string): string {{}}"
        if suffix == "parquet":
            pq.write_table(pa.table({"content": [text]}), path, compression="none")
        else:
            path.write_text(json.dumps({"content": text}))
        os.utime(path, (1e9, 1e9))
        [item] = listed(tmp_path, {"kind": "huggingface", "files": [path.name]})
        assert item.body == text.encode()


MEASURED = """
import json, resource, sys
from pathlib import Path
sys.path.insert(0, {scripts!r})
import pyarrow.parquet
from fimscope.corpus.sources import list_inputs, read_sources

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = {{"kind": "huggingface", "files": [{file!r}]}}
inputs = list(list_inputs(read_sources(json.dumps([source])), Path("."), ["MIT"], 200_000))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
bodies = [i.body if isinstance(i.body, bytes) else i.body.reason for i in inputs]
unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
megabytes = (after - before) * unit >> 20
print(json.dumps([len(bodies), [str(body)[:9] for body in set(bodies)], megabytes]))
"""


def measured(path):
    """How many inputs a data set gives, their kinds, and the megabytes that it took."""
    code = MEASURED.format(scripts=str(REPOSITORY / "scripts"), file=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.process
@pytest.mark.parametrize(
    ("n_rows", "n_bytes", "kind"), [(11_000, 100_000, "b'aaaaaaa"), (1100, 1_000_000, "too_large")]
)
def test_a_parquet_file_that_unpacks_to_a_gigabyte_takes_no_memory(tmp_path, n_rows, n_bytes, kind):
    """One value that many rows share, within the limit of a program or beyond it."""
    texts = pa.DictionaryArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), n_rows), ["a" * n_bytes]
    )
    table = pa.table({"content": texts}).cast(
        pa.schema({"content": pa.dictionary(pa.int32(), pa.string())})
    )
    pq.write_table(table, tmp_path / "bomb.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "bomb.parquet").stat().st_size < 2000
    n_inputs, kinds, megabytes = measured(tmp_path / "bomb.parquet")
    assert (n_inputs, kinds) == (n_rows, [kind])
    assert megabytes < 100


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            pa.array(["a" * 300_000_000]),
            r"\d+ bytes of column 'content' would unpack to 300000\d\d\d",
        ),
        (pa.nulls(20_000_000, pa.string()), r"20000000 rows in \d+ bytes are no programs"),
    ],
    ids=["one text", "rows"],
)
def test_a_parquet_file_that_unpacks_to_far_more_than_it_brings_is_refused(
    tmp_path, column, message
):
    pq.write_table(pa.table({"content": column}), tmp_path / "bomb.parquet", compression="brotli")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(
        UserError, match=rf"source\[0\]\.files: cannot read bomb.parquet: {message}"
    ):
        listed(tmp_path, {"kind": "huggingface", "files": ["bomb.parquet"]})


def test_a_line_of_json_that_has_no_end_is_refused(tmp_path):
    with (tmp_path / "long.jsonl").open("wb") as file:
        file.write(b'{"content": "a"}\n{"content": "')
        file.truncate(1 << 30)
    with pytest.raises(UserError, match=r"long\.jsonl: line 2 is longer than 67108864 bytes"):
        listed(tmp_path, {"kind": "huggingface", "files": ["long.jsonl"]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_column": "code"}, r"text_column: no column 'code'; there are content, n"),
        ({"text_column": "n"}, r"text_column: column 'n' holds .*int64.*, expected text"),
        ({"path_column": "file"}, r"path_column: no column 'file'; there are content, n"),
        ({"files": ["gone.parquet"]}, r"files: 'gone.parquet' is no file"),
        ({"files": ["x.csv"]}, r"files: 'x.csv' found, expected one of .parquet"),
        ({"files": ["broken.parquet"]}, r"files: cannot read broken.parquet: .* footer"),
        ({"files": ["cut.parquet"]}, r"files: cannot read cut.parquet: "),
        ({"files": ["broken.jsonl"]}, r"files: cannot read broken.jsonl: line 1 is no JSON"),
        ({"files": ["deep.jsonl"]}, r"files: cannot read deep.jsonl: .*recursion"),
        (
            {"files": ["list.jsonl"]},
            r"files: cannot read list.jsonl: row 1 is int, expected an obj",
        ),
        (
            {"files": ["number.jsonl"]},
            r"files: cannot read number.jsonl: line 2 is int, expected an",
        ),
        ({"files": ["empty.jsonl"]}, r"files: cannot read empty.jsonl: it holds no row"),
        (
            {"files": ["y.jsonl"], "text_column": "n"},
            r"text_column: y.jsonl, line 3: column 'n' holds int, expected text",
        ),
        (
            {"files": ["y.jsonl"], "path_column": "file"},
            r"path_column: no column 'file'; there are content, n",
        ),
    ],
)
def test_a_data_set_that_cannot_be_used_is_named(tmp_path, change, message):
    pq.write_table(pa.table({"content": [PROGRAM], "n": [1]}), tmp_path / "x.parquet")
    for name in ("x.csv", "broken.parquet", "broken.jsonl"):
        (tmp_path / name).write_text("{not what its name says")
    whole = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:100] + whole[140:])
    (tmp_path / "y.jsonl").write_text('{"content": "let a"}\n\n{"n": 1}\n')
    (tmp_path / "deep.jsonl").write_text('{"content": ' + "[" * 20_000)
    (tmp_path / "list.jsonl").write_text('[{"content": "let a"}, 1]')
    (tmp_path / "number.jsonl").write_text('{"content": "let a"}\n1\n')
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(UserError, match=r"source\[0\]\." + message):
        listed(tmp_path, {"kind": "huggingface", "files": ["x.parquet"], **change})


@pytest.mark.process
def test_a_hub_that_cannot_be_reached_is_one_clear_line(tmp_path):
    command = [sys.executable, REPOSITORY / "scripts" / "collect_programs.py"]
    source = {"kind": "huggingface", "id": "nuprl/stenotype-eval-dataset", "revision": "0" * 40}
    options = ["--sources", json.dumps([source]), "--root", tmp_path, "--max-bytes", "9999"]
    options += ["--per-package", "5", "--licenses", "MIT", "--seed", "0"]
    options += ["--out", tmp_path / "a.parquet", "--out-rejected", tmp_path / "b.parquet"]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run([*command, *options], env=offline, capture_output=True, text=True)
    assert done.returncode == 1
    assert "source[0].id: cannot load split 'train' of nuprl/stenotype-eval" in done.stderr
    assert "download the files and name them under `files`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.parquet").exists()
