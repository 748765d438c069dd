"""Check that the paths of a configuration exist on this machine."""

import os

from graincast.configuration.errors import ConfigError
from graincast.files.expansion import expand

FETCH = "fetch it (https://download.pytorch.org/models/vgg16-397923af.pth), or use random weights (network.random)"


def check_paths(config: dict, file: str | os.PathLike) -> None:
    """Raise ConfigError for a path in use that does not exist or contains an unset variable.

    config  as returned by `load`
    file    its name, for messages
    """
    for experiment in config["experiments"].values():
        for section, key in (("datasets", "dataset"), ("splits", "split")):
            settings = config[section][experiment[key]]
            if "path" in settings:
                where = f"{file}: {section}.{experiment[key]}.path"
                path = expand(settings["path"], where)
                if not path.exists():
                    raise ConfigError(f"{where}: {path} does not exist; correct the path or fetch the data")
        network = config["vision_sets"].get(experiment["features"], {}).get("network", {})
        if "path" in network:
            where = f"{file}: vision_sets.{experiment['features']}.network.path"
            path = expand(network["path"], where)
            if not path.is_file():
                raise ConfigError(f"{where}: no file {path}; {FETCH}")
