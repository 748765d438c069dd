"""The record of a training job: it is read back, and other files are refused."""

import json

import pytest

from graincast.experiment.record import KEYS, read_record
from graincast.microstructure import BadInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "not valid JSON: "), ("[]", "lacks experiment; "), (json.dumps(dict.fromkeys(KEYS[:-1])), "lacks trials; ")],
)
def test_a_file_that_is_not_a_record_is_refused(tmp_path, text, expected):
    (tmp_path / "trials.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=f"trials.json: {expected}") as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_record_is_read(tmp_path):
    record = dict.fromkeys(KEYS, 1)
    (tmp_path / "trials.json").write_text(json.dumps(record), encoding="utf-8")
    assert read_record(tmp_path) == record
