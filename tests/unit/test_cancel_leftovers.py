"""The SLURM jobs a killed Snakemake left behind: its own, in this folder, and nobody else's."""

from pathlib import Path

from scripts.cancel_leftovers import leftovers

RUN = "c79e79fb-253e-4f16-8cf4-574bc690edbd"
HERE = Path("/scratch/me/graincast")


def test_only_jobs_of_an_earlier_run_in_this_folder_are_listed():
    table = "\n".join(
        [
            f"11|{RUN}|rule_simulate_wildcards_made_0001|{HERE}",
            f"12|mine_{RUN}|rule_train_wildcards_made_all|{HERE}",
            f"13|{RUN}|rule_simulate_wildcards_made_0001|{HERE}-other",
            f"14|jupyter|rule_of_thumb|{HERE}",
            f"15|{RUN}|(null)|{HERE}",
            f"16|{RUN}|rule_graphs_wildcards_made_0001|{HERE}",
        ]
    )
    assert leftovers(table, HERE, own="16") == ["11", "12"]
    assert leftovers("", HERE, own=None) == []
