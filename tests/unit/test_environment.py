"""One source of pins, the worker image's name, and profiles that Snakemake accepts."""

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser
from snakemake_executor_plugin_slurm.partitions import read_partition_file

from graincast.planning.containers import image_name
from tools.conda_file import conda_file

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "envs/requirements.lock"
VARIANTS = ["cpu", "cuda"]
LOCKS = sorted(path.name for path in (ROOT / "envs").glob("*.lock"))
NAMED_AFTER = ["docker/worker.Dockerfile", "envs/install.sh", "envs/requirements.lock"]
PROFILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "profiles").glob("*/config.yaml"))
SLURM = ROOT / "profiles/slurm/config.yaml"

KEY = re.compile(r"\s*(?:# *)?(?P<key>[a-z][a-z_-]*):(?: .*)?")
"""A key in use (`jobs: 200`), or one to uncomment (`# slurm_account: my_project`)."""


def pins(path: Path) -> dict[str, str]:
    """The versions that a file pins, by name. Every line must be a pin, or a hash of the one before."""
    versions: dict[str, str] = {}
    for line in filter(None, path.read_text(encoding="utf-8").splitlines()):
        if not line.startswith(("#", "    --hash=sha256:")):
            pin = re.fullmatch(r"([A-Za-z0-9._-]+)={2,3}([0-9][A-Za-z0-9.!+]*)(?: \\)?", line)
            assert pin, f"{path.name}: not a pin: {line}"
            name = re.sub(r"[-_.]+", "-", pin[1]).lower()
            assert name not in versions, f"{path.name}: {name} twice"
            versions[name] = pin[2]
    return versions


# ---- Pins


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", *LOCKS])
def test_every_requirement_is_pinned(name):
    assert pins(ROOT / "envs" / name)


@pytest.mark.parametrize("name", [name for name in LOCKS if name != "torch-cpu.lock"])
def test_every_pin_of_a_lock_has_hashes(name):
    text = (ROOT / "envs" / name).read_text(encoding="utf-8")
    entries = re.findall(r"^[a-z0-9-]+={2,3}\S+((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", text, re.MULTILINE)
    assert len(entries) == len(pins(ROOT / "envs" / name))


def test_the_locks_agree():
    both = [pins(ROOT / "envs" / name) for name in LOCKS]
    for one in both:
        for other in both:
            assert all(other[name] == version for name, version in one.items() if name in other)


def test_torch_is_pinned_apart_from_the_others_and_at_one_version():
    cpu, cuda = (pins(ROOT / f"envs/torch-{variant}.lock") for variant in VARIANTS)
    assert set(cpu) == {"torch"} and "triton" in cuda
    assert "torch" not in pins(LOCK) and not [name for name in pins(LOCK) if name.startswith("nvidia-")]


@pytest.mark.parametrize(
    "file", ["Makefile", "README.md", "docker/worker.Dockerfile", "envs/install.sh", "docs/hpc.md"]
)
def test_nothing_is_installed_from_a_second_index(file):
    """A package of the same name on the other index could take a package's place."""
    assert "extra-index" not in (ROOT / file).read_text(encoding="utf-8").lower().replace("_", "-")


def test_the_lock_has_every_direct_requirement_at_its_version():
    locked = pins(LOCK) | pins(ROOT / "envs/torch-cpu.lock")
    assert pins(ROOT / "envs/requirements.txt").items() <= locked.items()


def test_the_lock_is_complete():
    """Everything a locked package needs on this machine is locked too, except the libraries of one torch build."""
    locked = pins(LOCK) | pins(ROOT / "envs/torch-cpu.lock")
    for name in locked.keys() - {"torch"}:
        for requirement in metadata.requires(name) or []:
            needed, _, marker = requirement.partition(";")
            if not marker.strip():
                wanted = re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", needed)[0]).lower()
                assert wanted in locked, f"{name} needs {wanted}"


def test_the_conda_file_is_made_from_the_lock():
    locks = [LOCK, ROOT / "envs/torch-cpu.lock"]
    expected = conda_file(*(lock.read_text(encoding="utf-8") for lock in locks))
    assert (ROOT / "envs/conda.yaml").read_text(encoding="utf-8") == expected, "run `make conda-file`"
    assert expected.count("==") == sum(len(pins(lock)) for lock in locks)


def test_the_environment_in_use_has_the_locked_versions():
    """The local tag of torch (2.13.0+cpu) names the build, which is chosen at installation."""
    locked = pins(LOCK) | pins(ROOT / "envs/torch-cpu.lock")
    installed = {name: metadata.version(name) for name in locked}
    installed["torch"] = installed["torch"].partition("+")[0]
    assert installed == locked


# ---- The worker image


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the files that the image is built from."""
    for name in [*NAMED_AFTER, "docker/build.sh", *(f"envs/torch-{variant}.lock" for variant in VARIANTS)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def printed_name(project: Path, *arguments: str) -> str:
    """What docker/build.sh calls the image, relative to the project."""
    command = [project / "docker/build.sh", "--print-name", *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return Path(printed.stdout.strip()).relative_to(project).as_posix()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_workflow_and_the_build_script_agree_on_the_name_of_the_image(project, variant):
    assert image_name(ROOT, variant) == printed_name(ROOT, "--variant", variant)
    assert image_name(project, variant) == image_name(ROOT, variant)
    assert re.fullmatch(rf"containers/graincast-worker-{variant}-[0-9a-f]{{12}}\.sif", image_name(ROOT, variant))


def test_the_cpu_variant_is_built_unless_another_is_named(project):
    assert printed_name(project) == image_name(project, "cpu")


def test_each_variant_has_its_own_hash(project):
    hashes = {image_name(project, variant).removesuffix(".sif")[-12:] for variant in VARIANTS}
    assert len(hashes) == len(VARIANTS)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", NAMED_AFTER)
def test_the_name_depends_on_content_and_not_on_modification_times(project, name, variant):
    before = image_name(project, variant)
    text = (project / name).read_text(encoding="utf-8")
    (project / name).write_text(text, encoding="utf-8")
    assert image_name(project, variant) == before
    (project / name).write_text(text + "# one more line\n", encoding="utf-8")
    assert image_name(project, variant) != before
    assert image_name(project, variant) == printed_name(project, "--variant", variant)


def test_an_unknown_variant_is_refused(project):
    command = [project / "docker/build.sh", "--print-name", "--variant", "gpu"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "--variant is cpu or cuda, not gpu" in refused.stderr


# ---- Profiles


def keys(text: str) -> dict[str, int]:
    """The line numbers (from 0) of all keys, in use or commented out."""
    numbers = {}
    for number, line in enumerate(text.splitlines()):
        match = KEY.fullmatch(line)
        if match:
            numbers.setdefault(match["key"], number)
    return numbers


def uncommented(text: str) -> str:
    """A profile with every commented key in use."""
    lines = text.splitlines()
    for number in keys(text).values():
        lines[number] = re.sub(r"^(\s*)# ", r"\1", lines[number], count=1)
    return "\n".join(line for line in lines if not line.lstrip().startswith("#")) + "\n"


def settings_of(folder: Path):
    """A profile's settings as Snakemake reads them. It exits at a key that is not an option."""
    return get_argument_parser(profiles=[str(folder)]).parse_args([])


@pytest.mark.parametrize("profile", PROFILES)
def test_snakemake_accepts_every_key_of_a_profile(profile):
    settings_of((ROOT / profile).parent)


@pytest.mark.parametrize("profile", PROFILES)
def test_snakemake_accepts_the_keys_that_are_commented_out(profile, tmp_path):
    text = (ROOT / profile).read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(uncommented(text), encoding="utf-8")
    settings_of(tmp_path)


def test_snakemake_refuses_a_misspelt_key(tmp_path):
    (tmp_path / "config.yaml").write_text(SLURM.read_text(encoding="utf-8") + "latency-wat: 5\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        settings_of(tmp_path)


def test_the_slurm_profile_sets_what_jobs_need(tmp_path):
    text = SLURM.read_text(encoding="utf-8")
    (tmp_path / "config.yaml").write_text(uncommented(text), encoding="utf-8")
    for folder in (SLURM.parent, tmp_path):
        settings = settings_of(folder)
        assert settings.executor == "slurm"
        assert {method.name for method in settings.software_deployment_method} == {"APPTAINER"}
        assert settings.retries > 0
        assert settings.slurm_no_requeue
    names = {"slurm_partition", "slurm_account", "constraint", "qos", "runtime", "mem_mb"}
    assert names <= set(keys(text))
    assert names <= set(settings.default_resources)
    assert settings.set_resources["train"]["gpu"].value == 1


@pytest.mark.parametrize("number", ["", "3"])
def test_threads_and_devices_of_the_login_shell_do_not_reach_the_jobs(monkeypatch, number):
    """Snakemake expands $NAME when it reads a profile; it leaves ${NAME:-…} to the job's shell."""
    plain = settings_of(SLURM.parent).apptainer_args
    monkeypatch.setenv("OMP_NUM_THREADS", number)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", number)
    assert settings_of(SLURM.parent).apptainer_args == plain


def test_keys_in_use_and_keys_commented_out_are_both_found():
    names = set(keys(SLURM.read_text(encoding="utf-8")))
    assert {"executor", "slurm_account", "set-resources", "train", "gpu", "slurm-array-jobs", "rerun-triggers"} <= names
    assert not names & {"if", "over", "status", "them"}


def test_the_partition_file_holds_limits_that_the_plugin_knows():
    partitions = read_partition_file(ROOT / "profiles/slurm/partitions.yaml")
    assert {partition.name: partition.limits.max_runtime for partition in partitions} == {
        "short": 4 * 60,
        "long": 7 * 24 * 60,
        "gpu": 2 * 24 * 60,
    }
    assert [partition.name for partition in partitions if partition.limits.max_gpu] == ["gpu"]
