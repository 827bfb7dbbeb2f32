"""Who may know whom: the directions of imports that docs/design.md promises."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from support.imports import LIBRARY, SCRIPTS, imported

STAGES = (
    "datasets",
    "landmarks",
    "align",
    "parsing",
    "warp",
    "training",
    "evaluation",
    "comparison",
)
# what a stage lets the later ones read: the formats of its files
FORMATS = {
    "landmarks": {"table", "manual"},
    "align": {"files"},
    "parsing": {"labels"},
    "warp": {"maps", "files"},
    "training": {"packed", "samples", "tensors"},
    "evaluation": {"files", "metrics"},
}
# what every stage may use, lowest first
FOUNDATIONS = ("jobs", "configuration", "data", "geometry", "figures")
COMMANDS = {"draw", "estimate"}  # they stand outside the flow, and may use any stage
HEAVY = {
    "torch",
    "torchvision",
    "facenet_pytorch",
    "pytorch_fid",
    "efficientnet_lite_pytorch",
    "onnxruntime",
    "tensorboard",
    "dlib",
    "cv2",
    "matplotlib",
}
NEEDED = {"warp.maps": {"cv2"}, "training.tensors": {"torch"}}  # what a format can't do without


def modules() -> dict[str, Path]:
    """Every module of the library by its name below photosketch, such as `landmarks.table`."""
    paths = (path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py")
    return {".".join(path.relative_to(LIBRARY).with_suffix("").parts): path for path in paths}


def imported_names(path: Path) -> set[str]:
    """The library modules that a file imports, anywhere in it."""
    names = {path: name for name, path in modules().items()}
    return {names[module] for module in imported(path)}


def folder_of(module: str) -> str:
    """The folder of a module."""
    return module.rpartition(".")[0]


def test_every_folder_is_a_foundation_a_stage_or_a_command_and_its_init_file_is_empty():
    """But for that of `draw`, which people import."""
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*FOUNDATIONS, *STAGES, *COMMANDS}
    inits = {path for path in LIBRARY.rglob("__init__.py") if path.read_text()}
    assert inits == {LIBRARY / "draw/__init__.py"}


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_what_comes_before_it_alone(module):
    own = folder_of(module)
    for other in imported_names(modules()[module]):
        folder = folder_of(other)
        if folder == own or own in COMMANDS:
            continue
        if folder in FOUNDATIONS:
            order = (*FOUNDATIONS, *STAGES)
            assert order.index(folder) < order.index(own), f"{module} imports {other}"
            continue
        assert own in STAGES, f"{module} imports {other}, of a stage"
        assert folder in STAGES, f"{module} imports the command {folder}"
        assert STAGES.index(folder) < STAGES.index(own), (
            f"{module} imports {other}, of a later stage"
        )
        leaf = other.rpartition(".")[2]
        assert leaf in FORMATS[folder], f"{module} imports {other}, which is no format"


def test_no_module_imports_itself_through_others():
    graph = {module: imported_names(path) for module, path in modules().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round: {error.args[1]}")


@pytest.mark.parametrize(
    "module", sorted(f"{folder}.{leaf}" for folder, leaves in FORMATS.items() for leaf in leaves)
)
def test_reading_a_format_loads_no_maker_and_no_heavy_library(module):
    loaded = loaded_by(f"import photosketch.{module}")
    assert loaded & HEAVY == NEEDED.get(module, set())
    library = {name.removeprefix("photosketch.") for name in loaded if "photosketch." in name}
    makers = {
        name
        for name in library & set(modules())
        if folder_of(name) in STAGES and name.rpartition(".")[2] not in FORMATS[folder_of(name)]
    }
    assert not makers


@pytest.mark.parametrize(
    ("script", "never"),
    [
        ("infer", {"tensorboard", "matplotlib", "photosketch.training.loop"}),
        ("compare", {"torch", "pytorch_fid", "cv2", "photosketch.evaluation.scores"}),
        ("write_sketches", {"torch", "pytorch_fid", "cv2", "matplotlib"}),
        ("summarise_warps", {"torch", "cv2", "photosketch.parsing.grabcut"}),
        ("show_landmarks", {"torch", "photosketch.landmarks.detection"}),
        ("show_aligned", {"torch", "cv2", "photosketch.align.align_pairs"}),
        ("show_parsings", {"torch", "cv2", "photosketch.parsing.grabcut"}),
        ("show_warps", {"torch", "photosketch.parsing.grabcut", "photosketch.warp.estimate"}),
        ("merge_landmarks", {"torch", "cv2", "photosketch.landmarks.detection"}),
        ("pack_tensors", {"torch", "cv2", "photosketch.parsing.grabcut"}),
        ("pack_warped_tensors", {"torch", "photosketch.warp.estimate"}),
        ("estimate_differences", {"torch", "cv2", "pytorch_fid"}),
        ("show_seams", {"torch", "photosketch.parsing.grabcut"}),
    ],
)
def test_a_script_loads_what_its_stage_needs(script, never):
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    loaded = loaded_by("\n".join(map(ast.unparse, imports)))
    assert "photosketch.jobs.job" in loaded
    assert not loaded & never


def test_the_draw_command_tells_of_missing_files_before_it_loads_anything_heavy():
    command = "from photosketch.draw.__main__ import main"
    loaded = loaded_by(f"{command}\nassert main(['none', 'none', '--output', 'none']) == 1")
    assert not loaded & HEAVY


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh process has loaded after the code."""
    program = f"import sys; sys.path.insert(0, sys.argv[1])\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(SCRIPTS)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
