"""The notebook of the documentation, run cell by cell on finished results."""

from tests.workflow import checkout
from tools import notebook

NOTEBOOK = checkout.PROJECT / "docs/notebook.ipynb"


def test_each_cell_runs_and_says_what_it_should(finished):
    code = "\n".join(text for kind, text in notebook.cells(NOTEBOOK) if kind == "code")
    assert 'DATASET, EXPERIMENT = "builtin", "sgc"' in code
    code = code.replace('"builtin", "sgc"', '"made", "made"')
    code = code.replace("model.predict(", "predicted = model.predict(")
    done = checkout.python(finished, "-c", f"import matplotlib; matplotlib.use('agg')\n{code}\nprint(predicted)")
    assert done.returncode == 0, done.stderr
    assert "states; run-000001: " in done.stdout and "trials" in done.stdout
    assert done.stdout.count("run-0000") >= 5 and "probability_abnormal" in done.stdout


def test_what_is_stored_has_no_outputs():
    assert '"outputs": []' in NOTEBOOK.read_text() and '"output_type"' not in NOTEBOOK.read_text()
