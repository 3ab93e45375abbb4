"""Settings that differ take the place of config/training.yaml's; what is none is refused."""

import json

import pytest

from fimscope.errors import UserError
from fimscope.training.settings import read_settings

SETTINGS = """
seed: 1
network: {n_blocks: 24, d_model: 96}
schedule:
  steps: 100
  lengths: [{until: 5, shares: {96: 1.0}}, {shares: {128: 1.0}}]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "training.yaml"
    path.write_text(SETTINGS)
    return path


def test_what_differs_takes_its_place_and_the_rest_stays(file):
    changed = read_settings(file, json.dumps({"seed": 2, "network": {"n_blocks": 12}}))
    assert changed == {
        "seed": 2,
        "network": {"n_blocks": 12, "d_model": 96},
        "schedule": {
            "steps": 100,
            "lengths": [{"until": 5, "shares": {96: 1.0}}, {"shares": {128: 1.0}}],
        },
    }


def test_nothing_that_differs_is_the_file_itself(file):
    assert read_settings(file, "{}")["network"] == {"n_blocks": 24, "d_model": 96}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"network": {"n_block": 12}}, r"--changes: network: 'n_block' is no setting.*n_blocks"),
        ({"layers": 12}, r"--changes: 'layers' is no setting; .*'seed', 'network', 'schedule'"),
        ({"network": 12}, r"network: 12 is none that fits; expected a mapping"),
        ({"seed": "2"}, r"seed: '2' is none that fits; expected like 1"),
        ([1], r"--changes: \[1\] is none that fits; expected a mapping"),
    ],
)
def test_what_is_no_setting_is_refused_by_its_key(file, changes, said):
    with pytest.raises(UserError, match=said):
        read_settings(file, json.dumps(changes))


def test_what_is_no_json_is_refused(file):
    with pytest.raises(UserError, match="expected a JSON object"):
        read_settings(file, "{n_blocks: 12}")
