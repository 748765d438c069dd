"""Where the results come from: the exact configurations, the versions of software, the commit."""

from graincast.report.blocks import Code, Note, Section, Table, Text
from graincast.report.results import Results


def section(results: Results) -> Section:
    """Versions and commits, then the resolved configuration of each experiment, which runs as it is."""
    commits = results.commits()
    which = "; ".join(commits) if commits else "not noted (results of an earlier release, or made without git)"
    blocks: list = [Text(f"Commit of the sources that trained and evaluated: {which}.")]
    packages = [(name, ", ".join(versions)) for name, versions in results.packages().items()]
    if packages:
        blocks.append(
            Table("Packages that bear on the numbers, as they were pinned.", ("package", "version"), packages)
        )
    else:
        blocks.append(Note("Versions of packages: the notes of what results were made from are not in these results."))
    parts = []
    for name in results.experiments:
        text = results.configuration(name)
        block = Code(f"Save it as {name}.yaml; `make run CONFIG={name}.yaml` then runs it.", text)
        parts.append(Section(f"configuration-{name}", name, [block if text else Note("Not in these results.")]))
    return Section("origin", "Configuration, software and commit", blocks, parts)
