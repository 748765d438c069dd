"""gunicorn's settings: each worker puts the guard before MLflow."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from guard import Guard


def post_worker_init(worker: Any) -> None:
    worker.wsgi = Guard(worker.wsgi)
