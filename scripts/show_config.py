"""Print a configuration, or one section of it, as JSON, with all defaults filled in."""

import json
import sys
from pathlib import Path

from graincast import configuration
from graincast.program import parser, run

FETCH = "fetch it (https://download.pytorch.org/models/vgg16-397923af.pth), or use random weights (network.random)"


def main(args) -> None:
    try:
        config = configuration.load(configuration.read(args.config), args.config)
        if args.paths:
            check_paths(config, args.config)
        if args.section and args.section not in config:
            near = configuration.nearest(args.section, config)
            raise configuration.ConfigError(
                f"{args.config}: no section {args.section!r}{near} (known: {', '.join(config)})"
            )
    except configuration.ConfigError as error:
        sys.exit(str(error))
    print(json.dumps(config[args.section] if args.section else config, indent=None if args.section else 1))


def check_paths(config: dict, file: Path) -> None:
    """Raise ConfigError for a variable that is not set in a path that the experiments use, or for missing data."""
    for one in config["experiments"].values():
        for section, key in (("datasets", "dataset"), ("splits", "split")):
            if "path" in config[section][one[key]]:
                where = f"{file}: {section}.{one[key]}.path"
                path = configuration.expand(config[section][one[key]]["path"], where)
                if not path.exists():
                    raise configuration.ConfigError(f"{where}: there is no {path}; mend the path or fetch the data")
        network = config["vision_sets"].get(one["features"], {}).get("network", {})
        if "path" in network:
            where = f"{file}: vision_sets.{one['features']}.network.path"
            path = configuration.expand(network["path"], where)
            if not path.is_file():
                raise configuration.ConfigError(f"{where}: there is no file {path}; {FETCH}")


if __name__ == "__main__":
    p = parser("show_config", __doc__)
    p.add_argument("config", type=Path, help="configuration file")
    p.add_argument("--paths", action="store_true", help="check that the paths of data and weights exist here")
    p.add_argument("section", nargs="?", help="one section of it, such as datasets")
    run(main, p)
