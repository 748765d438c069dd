"""The leaderboard as a table in Markdown, for pages of the documentation.

python -m tools.leaderboard_table results/leaderboard.csv
"""

import argparse
from pathlib import Path

from graincast.evaluation.leaderboard import SCORES, TASK
from graincast.files import csv_table

HEADER = ("rank", "experiment", "way to the ceiling", "training", "one candidate")


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("leaderboard", type=Path, help="results/leaderboard.csv")
    tasks: dict[tuple, list[dict[str, str]]] = {}
    for row in csv_table.records(parser.parse_args().leaderboard):
        tasks.setdefault(tuple(row[key] for key in TASK), []).append(row)
    for task, rows in tasks.items():
        print(f"\n{', '.join(filter(None, task))}\n\n{table(rows)}")


def table(rows: list[dict[str, str]]) -> str:
    """The rows of one task; columns that none of them fills are left out."""
    scores = SCORES[rows[0]["target"]]
    reference = next((row["reference"] for row in rows if row["reference"]), "")
    header = [*HEADER[:2], rows[0]["ranked_by"], *scores, f"difference to {reference}", *HEADER[2:]]
    lines = [
        [
            row["rank"],
            f"`{row['experiment']}`",
            number(row["validation"]),
            *(with_interval(row, name) for name in scores),
            "" if row["experiment"] == reference else with_interval(row, "difference", "+.3f"),
            f"{float(row['share_of_ceiling']):.0%}" if row["share_of_ceiling"] else "",
            f"{float(row['train_s']):.0f} s" if row["train_s"] else "",
            f"{float(row['features_ms']) + float(row['predict_ms']):.1f} ms" if row["features_ms"] else "",
        ]
        for row in rows
    ]
    filled = [i for i in range(len(header)) if any(line[i] for line in lines)]
    shown = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(line[i] for i in filled)} |" for line in shown)


def number(text: str, form: str = ".3f") -> str:
    """A number as read from a table, rounded; "" for none."""
    return f"{float(text):{form}}" if text else ""


def with_interval(row: dict[str, str], name: str, form: str = ".3f") -> str:
    """A number of a row with its interval in brackets."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return number(row[name], form) + (f" ({number(low, form)} to {number(high, form)})" if low else "")


if __name__ == "__main__":
    main()
