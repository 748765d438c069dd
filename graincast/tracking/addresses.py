"""The address of the MLflow store, and the masking of secrets in text."""

import os
import re
from collections.abc import Mapping

VARIABLE = "MLFLOW_TRACKING_URI"
SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LOGIN = re.compile(r"(?<=://)[^/\s'\"]*@")


def address(tracking: dict, variables: Mapping[str, str] = os.environ) -> str:
    """The store's address: from the environment, or else from the section `tracking` of the configuration."""
    return variables.get(VARIABLE) or tracking["store"]


def has_login(uri: str) -> bool:
    """Whether an address contains a user name or password."""
    return bool(_LOGIN.search(uri))


def masked(text: str, variables: Mapping[str, str] = os.environ) -> str:
    """A text with logins in addresses and the values of secret variables masked."""
    text = _LOGIN.sub("…@", text)
    for name in SECRETS:
        if variables.get(name):
            text = text.replace(variables[name], "…")
    return text
