"""Print a configuration, or one section of it, as JSON, with all defaults filled in."""

import json
import sys
from pathlib import Path

from graincast import configuration
from graincast.program import parser, run


def main(args) -> None:
    try:
        config = configuration.load(configuration.read(args.config), args.config)
        if args.section and args.section not in config:
            near = configuration.nearest(args.section, config)
            raise configuration.ConfigError(
                f"{args.config}: no section {args.section!r}{near} (known: {', '.join(config)})"
            )
    except configuration.ConfigError as error:
        sys.exit(str(error))
    print(json.dumps(config[args.section] if args.section else config, indent=None if args.section else 1))


if __name__ == "__main__":
    p = parser("show_config", __doc__)
    p.add_argument("config", type=Path, help="configuration file")
    p.add_argument("section", nargs="?", help="one section of it, such as datasets")
    run(main, p)
