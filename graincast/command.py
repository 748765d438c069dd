"""The command `graincast`: each sub-command parses its arguments and makes one call.

Heavy libraries are imported by the sub-command that needs them, so that the others answer at once.
"""

import argparse
import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from graincast.program.main import OneLineParser, run

DEFAULT = Path("config/config.yaml")
HELD = "results/: another run is using it; wait until it has ended"
READING = {
    "types": "which grains are red, such as '{by: misorientation, above: 15}'",
    "candidates": "grains to predict: largest, all, interior, '{ids: [17]}'",
    "slice": "plane of a 3-D map, such as '{axis: z, index: 0}'",
    "spacing": "distance of neighbouring sites, µm",
    "periodic": "whether rows and columns are periodic, such as '[false, false]'",
}


def config(arguments: argparse.Namespace) -> None:
    """Print a configuration, or one section of it, as JSON, with all defaults filled in."""
    from graincast.configuration.load import load, section
    from graincast.configuration.paths import check_paths
    from graincast.configuration.yaml_file import read

    content = load(read(arguments.config), arguments.config)
    if arguments.paths:
        check_paths(content, arguments.config)
    if arguments.section:
        print(json.dumps(section(content, arguments.section, arguments.config)))
    else:
        print(json.dumps(content, indent=1))


def plan(arguments: argparse.Namespace) -> None:
    """Say what would run and why: what has changed, which jobs follow, and how long they took before."""
    from graincast.planning import explanation

    running, notes, states = _planned(arguments.config)
    for note in notes:
        print(note)
    for line in explanation.lines(explanation.grouped(states, running), every_job=arguments.all):
        print(line)
    if any(name.startswith("tracking_store") for name in running):
        print("the tracking store is made")


def status(arguments: argparse.Namespace) -> None:
    """Say how results stand: finished, running, failed, stale, not made; why; and what they take on disk."""
    from graincast.configuration.load import load
    from graincast.configuration.yaml_file import read
    from graincast.planning import status as stand

    print(f"configuration  {arguments.config}")
    for line in stand.lines(load(read(arguments.config), arguments.config), every_job=arguments.all):
        print(line)


def adopt(arguments: argparse.Namespace) -> None:
    """Take over results that were copied here: verify them, and mark complete what today's configuration would make."""
    from graincast.planning import adoption
    from graincast.planning.status import ON_REQUEST

    _refuse_held_results()
    _, notes, states = _planned(arguments.config)
    for note in notes:
        print(note)
    _hold_results()
    adopted, refused = adoption.adopt(state for state in states if state.job.rule not in ON_REQUEST)
    for job, reason in refused:
        print(f"not adopted: {job.name}: {reason}")
    print(f"{len(adopted)} jobs adopted, {len(refused)} not")


def verify(arguments: argparse.Namespace) -> None:
    """Check the content of all results against the digests noted when they were made."""
    from graincast.files.digest import digest
    from graincast.microstructure import BadInput
    from graincast.program.recipe import SUFFIX, read_made_from

    checked = broken = 0
    for note in sorted(Path("results").glob(f"**/*{SUFFIX}")):
        try:
            outputs = read_made_from(note)["outputs"]
        except BadInput as error:
            print(error)
            checked += 1
            broken += 1
            continue
        for path, expected in outputs.items():
            checked += 1
            if not Path(path).exists():
                print(f"{path}: missing")
                broken += 1
            elif digest(Path(path)) != expected:
                print(f"{path}: damaged since it was made")
                broken += 1
    if broken:
        raise BadInput(f"{broken} of {checked} outputs are damaged or missing; remove them and run again")
    print(f"{checked} outputs are as they were made")


def prune(arguments: argparse.Namespace) -> None:
    """List what no configuration names (recipes, experiments, trials, data sets, MLflow experiments) or remove it."""
    from graincast.configuration.load import load
    from graincast.configuration.yaml_file import read
    from graincast.planning import pruning
    from graincast.planning.jobs import jobs
    from graincast.planning.plan import Plan

    if arguments.yes:
        _hold_results()
    configurations = [load(read(file), file) for file in arguments.configs]
    kept = [job for one in configurations for job in jobs(Plan(one), [])]
    paths = pruning.leftovers(kept)
    for path in paths:
        print(path)
    tracked = _tracked_leftovers(configurations, arguments.yes)
    if arguments.yes:
        pruning.remove(paths)
    word = "removed" if arguments.yes else "would be removed (--yes removes them)"
    print(f"{len(paths)} files and folders and {tracked} MLflow experiments {word}")


def predict(arguments: argparse.Namespace) -> None:
    """Apply a trained model to maps: a probability for each candidate grain, as tables, pictures and XDMF."""
    from graincast.experiment.find_model import find
    from graincast.prediction import trained_model
    from graincast.prediction.predict import predict as predict_all

    with _model_file(arguments.model, find) as model_file:
        about = trained_model.describe(model_file)
        settings = _reading(arguments, (about["raw"] or {}).get("reading"))
        predict_all(model_file, arguments.data, settings, arguments.out, arguments.threshold, arguments.extensions)


def explain(arguments: argparse.Namespace) -> None:
    """Say what drove predictions: what each grain and feature added; without --data, what the model relies on."""
    from graincast.experiment.find_model import find
    from graincast.explanation import experiment
    from graincast.explanation import explain as predictions
    from graincast.prediction import trained_model

    with _model_file(arguments.model, find) as model_file:
        own = arguments.threshold, arguments.extensions
        if arguments.data is None:
            _refuse_reading(arguments)
            experiment.explain(model_file, arguments.out, *own)
            return
        about = trained_model.describe(model_file)
        settings = _reading(arguments, (about["raw"] or {}).get("reading"))
        predictions.explain(model_file, arguments.data, settings, arguments.out, *own)


def draw(arguments: argparse.Namespace) -> None:
    """Draw microstructures of a data set, each candidate in the middle, with the grain graph or as a film of growth."""
    from graincast.figures import drawing
    from graincast.microstructure import BadInput

    paths = drawing.shards_of(arguments.dataset)
    if arguments.film:
        if arguments.graph or arguments.format != "png":
            raise BadInput("--film: a film is a GIF of the map alone; leave out --graph and --format")
        files: Iterable[Path] = drawing.draw_growth(
            paths, arguments.names, arguments.out, arguments.duration, arguments.pictures, arguments.seed
        )
    elif arguments.duration is not None:
        raise BadInput("--duration: is that of a film; add --film")
    else:
        files = drawing.draw(paths, arguments.names, arguments.out, arguments.format, arguments.graph)
    for file in files:
        print(file, flush=True)


def report(arguments: argparse.Namespace) -> None:
    """Write all that lies in a folder of results, copied ones too, as one HTML file."""
    from graincast.report import page

    out = arguments.out or arguments.results / "report.html"
    page.write(arguments.results, out)
    print(out)


def bundle(arguments: argparse.Namespace) -> None:
    """Pack a finished experiment into one file that others can read, check and run again; raw data stay out of it."""
    from graincast.configuration.load import load
    from graincast.configuration.yaml_file import read
    from graincast.planning import bundle as packing
    from graincast.planning.jobs import jobs
    from graincast.planning.plan import Plan

    file = packing.finished(arguments.experiment, arguments.results) / packing.CONFIGURATION
    content = load(read(file), file)
    out = arguments.out or Path(f"{arguments.experiment}.zip")
    packing.write(arguments.experiment, arguments.results, content, jobs(Plan(content), []), out)
    print(out)


@contextlib.contextmanager
def _model_file(model: str, find: Callable[[str], Path]) -> Iterator[Path]:
    """The file of a trained model; one of a registry is fetched for the while."""
    if not model.startswith("models:/"):
        yield find(model)
        return
    from graincast.configuration.load import load
    from graincast.configuration.yaml_file import read
    from graincast.tracking.registered import fetched

    tracking = load(read(DEFAULT), DEFAULT)["tracking"] if DEFAULT.is_file() else {"store": "sqlite:///mlflow.db"}
    with fetched(model, tracking) as file:
        yield file


def _refuse_reading(arguments: argparse.Namespace) -> None:
    """Raise BadInput for arguments that say how to read raw data, where there are none."""
    from graincast.microstructure import BadInput

    for key in ("source", *READING):
        if getattr(arguments, key) is not None:
            raise BadInput(f"--{key} says how to read raw data; add --data, or leave it out")


def _reading(arguments: argparse.Namespace, trained: dict | None) -> dict | None:
    """How to read the data: what the arguments say, and else as the model's training data."""
    from graincast.configuration import reading

    given = {key: getattr(arguments, key) for key in READING if getattr(arguments, key) is not None}
    same = trained is not None and arguments.source in (None, trained["source"])
    base = dict(trained) if same and trained else {}
    if arguments.source:
        base["source"] = arguments.source
    if "source" not in base:
        return None
    return reading.settings({**base, **given, "path": str(arguments.data)}, "the command line")


def _yaml(text: str) -> object:
    """The value of an argument written as in a configuration."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not YAML; write it as in a configuration") from None


def _tracked_leftovers(configurations: list[dict], remove: bool) -> int:
    """Print, and perhaps delete, the MLflow experiments of no configuration; how many they are."""
    from graincast.tracking.addresses import address, sqlite_file

    tracking = configurations[0]["tracking"]
    store = address(tracking)
    path = sqlite_file(store)
    if path and not path.is_file():
        return 0
    from graincast.tracking import pruning

    names = {name for one in configurations for name in one["experiments"]}
    found = pruning.leftovers(tracking, names, remove)
    for name in found:
        print(f"MLflow experiment {name}")
    return len(found)


def _hold_results() -> None:
    """Raise BadInput where a run of the workflow is using the results; keep others out until this process ends."""
    from graincast.microstructure import BadInput
    from graincast.planning import lock

    if not lock.take():
        raise BadInput(HELD)


def _refuse_held_results() -> None:
    """Raise BadInput where another process is using the results."""
    from graincast.microstructure import BadInput
    from graincast.planning import lock

    if lock.holder() is not None:
        raise BadInput(HELD)


def _planned(config_file: Path) -> tuple[set[str], list[str], list]:
    """The jobs that would run, the planner's lines, and how each job stands, after a dry run."""
    from graincast.planning import dry_run

    process = dry_run.start(config_file)  # it takes its time, in which this process gets ready
    from graincast.configuration.load import load
    from graincast.configuration.yaml_file import read
    from graincast.planning import recipes
    from graincast.planning.jobs import finished, finished_ceilings, jobs
    from graincast.planning.plan import Plan

    try:
        planned = Plan(load(read(config_file), config_file))  # its errors say more than Snakemake's of the same file
    except BaseException:
        process.communicate()
        raise
    running, notes = dry_run.finish(process)
    ceilings = finished_ceilings(Path("results/datasets"))
    every = jobs(planned, sorted({*planned.test_metrics(), *finished(Path("results/experiments"))}), ceilings)
    written = recipes.written(every)
    return running, notes, recipes.states([job for job in every if job.name in written], written)


def data(arguments: argparse.Namespace) -> None:
    """Fetch a published data set, verify it, and print the configuration lines that read it; without SET, list all."""
    from graincast.configuration import published_data
    from graincast.microstructure import BadInput
    from graincast.raw import fetching

    if not arguments.set:
        for name in published_data.names():
            print(f"{name}: {published_data.published(name).description}")
        return
    published = published_data.published(arguments.set)
    address, folder = published_data.address(published), arguments.to or published_data.folder(published)
    if arguments.list:
        for file in published.files:
            print(f"{file.sha256} {file.bytes} {fetching.url(address, file)}")
        return
    print(f"{published.name}: {published.description}; licence: {published.licence}", flush=True)
    try:
        _hold_folder(folder)
        outcomes = fetching.fetch(published.files, folder, address)
    except KeyboardInterrupt:
        raise BadInput(f"{published.name}: stopped; run the same command again to resume") from None
    for line in fetching.report(outcomes):
        print(line, flush=True)
    counts = f"{published.name}: {fetching.summary(outcomes)}"
    if any(outcome.cause for outcome in outcomes):
        raise BadInput(f"{counts}, from {address}; run the same command again to fetch what is missing")
    print(f"{counts}, in {folder}")
    print("\n".join(published_data.usage(published, folder)))


def _hold_folder(folder: Path) -> None:
    """Make a folder and keep other commands from fetching to it until this process ends; wait for one that does."""
    from graincast.planning import lock

    if not lock.take(folder / ".fetching.lock"):
        print(f"{folder}: waiting for another command that fetches to it", flush=True)
        lock.take(folder / ".fetching.lock", patience=math.inf)


def parser() -> argparse.ArgumentParser:
    """The parser of the command and its sub-commands."""
    parser = OneLineParser(prog="graincast", description="Grain growth data to trained, tested and tracked models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, call: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        described = commands.add_parser(name, help=call.__doc__, description=call.__doc__)
        described.set_defaults(call=call)
        return described

    p = add("config", config)
    p.add_argument("config", type=Path, metavar="FILE", help="configuration file")
    p.add_argument("--paths", action="store_true", help="check that the paths of data and weights exist here")
    p.add_argument("section", nargs="?", help="one section of it, such as datasets")
    default = DEFAULT
    for name, call in (("plan", plan), ("status", status), ("adopt", adopt)):
        p = add(name, call)
        p.add_argument("config", type=Path, nargs="?", default=default, metavar="FILE", help="configuration file")
        if name != "adopt":
            p.add_argument("--all", action="store_true", help="list every job and every cause")
    add("verify", verify)
    p = add("data", data)
    p.add_argument("set", nargs="?", metavar="SET", help="its name in config/data, or the path of its YAML file")
    p.add_argument("--to", type=Path, metavar="FOLDER", help="where to (default: $RAW_DATA_ROOT/SET, or data/SET)")
    p.add_argument("--list", action="store_true", help="print SHA-256, bytes and address of its files; fetch nothing")
    p = add("prune", prune)
    p.add_argument("configs", type=Path, nargs="+", metavar="FILE", help="the configurations whose results are kept")
    p.add_argument("--yes", action="store_true", help="remove what is listed")
    for name, call in (("predict", predict), ("explain", explain)):
        p = add(name, call)
        what = "an experiment's name, a trained model's file, or models:/name@alias"
        p.add_argument("--model", required=True, help=what)
        without = "; without it, the model's own test data" if name == "explain" else ""
        p.add_argument("--data", type=Path, required=name == "predict", help=f"file or folder of raw data{without}")
        p.add_argument("--source", help="what the data are (config/README.md); default: as the training data")
        for key, what in READING.items():
            p.add_argument(f"--{key}", type=_yaml, metavar="YAML", help=f"{what}; as in a configuration")
        p.add_argument("--threshold", type=float, help="of the growth ratio, where the model has several")
        p.add_argument(
            "--extensions", type=Path, nargs="*", default=[], help="folders of models and features of your own"
        )
        p.add_argument("--out", type=Path, required=True, help="folder to write")
    p = add("draw", draw)
    p.add_argument("dataset", metavar="DATASET", help="a data set in results/, or a file or folder of graphs")
    p.add_argument("names", nargs="*", metavar="NAME", help="names of microstructures (default: all)")
    p.add_argument("--graph", action="store_true", help="draw the grain graph over the map")
    p.add_argument("--format", default="png", help="png, svg or pdf")
    p.add_argument("--film", action="store_true", help="grow it once more with the simulator, and write a GIF of that")
    p.add_argument("--duration", type=float, metavar="MCS", help="of a film (default: that of its growth runs)")
    p.add_argument("--pictures", type=int, default=40, help="of a film (default: 40)")
    p.add_argument("--seed", type=int, default=0, help="of a film's growth (default: 0)")
    p.add_argument("--out", type=Path, default=Path("pictures"), help="folder to write (default: pictures)")
    p = add("report", report)
    p.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")
    p.add_argument("--out", type=Path, metavar="FILE", help="HTML file to write (default: report.html in that folder)")
    p = add("bundle", bundle)
    p.add_argument("experiment", metavar="EXPERIMENT", help="the name of a finished experiment")
    p.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")
    p.add_argument("--out", type=Path, metavar="FILE", help="zip file to write (default: EXPERIMENT.zip, here)")
    return parser


def main(given: Sequence[str] | None = None) -> None:
    """Run the command with these arguments (default: those of the command line)."""
    run(lambda arguments: arguments.call(arguments), parser(), given)
