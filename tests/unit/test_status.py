"""What `graincast status` counts."""

import os
from pathlib import Path

from graincast.planning import status


def test_slurm_jobs_of_this_folder_are_counted_by_state():
    listed = (
        "rule_train_wildcards_given_t2|RUNNING|/scratch/me/here\n"
        "rule_graphs_wildcards_a|PENDING|/scratch/me/here\n"
        "rule_graphs_wildcards_b|PENDING|/scratch/me/here\n"
        "rule_graphs_wildcards_c|PENDING|/scratch/me/elsewhere\n"
        "my own job|RUNNING|/scratch/me/here\n"
    )
    assert status.slurm_states(listed, Path("/scratch/me/here")) == {"running": 1, "pending": 2}


def test_linked_files_count_once_and_what_links_point_to_does_not(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one").write_bytes(bytes(1000))
    os.link(tmp_path / "a/one", tmp_path / "a/again")
    (tmp_path / "outside").write_bytes(bytes(5000))
    (tmp_path / "a/link").symlink_to(tmp_path / "outside")
    assert 1000 <= status.size(tmp_path / "a") < 2000


def test_sizes_are_readable():
    assert [status.in_bytes(count) for count in (0, 999, 12_345, 3_400_000, 2_000_000_000_000)] == [
        "0 B",
        "999 B",
        "12.3 kB",
        "3.4 MB",
        "2 TB",
    ]
