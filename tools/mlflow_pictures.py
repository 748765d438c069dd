"""Photograph MLflow's pages of an experiment for the docs, in a headless Chromium, while `make ui` serves them."""

import argparse
import io
import shutil
import sys
import time
from pathlib import Path

from mlflow import MlflowClient
from PIL import Image

from graincast.tracking import views
from tools import chromium

RUNS = "document.body && /[1-9][0-9]* matching run/.test(document.body.innerText)"
IN_THE_WAY = ("mlflow.assistant.chat_panel.close", "mlflow.experiment_page.shared_view.dismiss")
SETTLES = 8  # seconds for charts to be drawn


def main(args: argparse.Namespace) -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    pages = dict(views.addresses(MlflowClient(args.server), "", args.server)).get(args.experiment)
    if not program or not pages:
        sys.exit(
            "no Chromium here: install Debian's chromium" if not program else f"{args.experiment}: not served there"
        )
    with chromium.started(program) as tab:
        for view in (*views.VIEWS, "charts"):
            tab.open(pages[view], width=1500, height=560)
            tab.wait_for(RUNS)
            for button in IN_THE_WAY:
                tab.evaluate(f"document.querySelector(\"[data-component-id='{button}']\")?.click()")
            time.sleep(SETTLES)
            picture = Image.open(io.BytesIO(tab.photographed())).convert("RGB")
            picture.quantize(64).save(args.out / f"mlflow-{view}.png", optimize=True)


if __name__ == "__main__":
    p = argparse.ArgumentParser(prog="python -m tools.mlflow_pictures", description=__doc__)
    p.add_argument("--server", default="http://127.0.0.1:5000", help="where the pages are (default: %(default)s)")
    p.add_argument("--experiment", default="graincast/sgc", help="its name in MLflow (default: %(default)s)")
    p.add_argument("--out", type=Path, default=Path("docs"), help="folder of the pictures (default: %(default)s)")
    main(p.parse_args())
