"""What no configuration names any more, and what it names."""

from pathlib import Path

from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.planning.jobs import jobs
from graincast.planning.plan import Plan
from graincast.planning.pruning import leftovers
from tests.workflow import small


def test_only_what_no_configuration_names_is_left_over(tmp_path, monkeypatch):
    small.write_configuration(tmp_path)
    planned = jobs(Plan(load(read(tmp_path / "small.yaml"), tmp_path / "small.yaml")), [])
    monkeypatch.chdir(tmp_path)
    kept = ["attended/members", "attended/trials/all", "made/trials/all", "given/trials/t2"]
    left = ["given/trials/t9", "made/members", "older"]
    for name in [*kept, *left]:
        (tmp_path / "results/experiments" / name).mkdir(parents=True)
    assert sorted(leftovers(planned)) == [Path("results/experiments", name) for name in left]
