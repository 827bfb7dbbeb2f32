"""Who may know whom: the directions of imports that docs/design.md promises."""

import ast
import subprocess
import sys
from functools import cache
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
    "evaluation": {"files", "intervals", "metrics", "votes"},
}
# what every stage may use, lowest first
FOUNDATIONS = ("jobs", "configuration", "data", "geometry", "figures")
COMMANDS = {"draw", "estimate"}  # they stand outside the flow, and may use any stage
ALL_COMMANDS = ""  # the folder of photosketch/__main__.py, which calls each
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


@cache
def import_graph() -> dict[str, set[str]]:
    """Of each module the library modules that its file imports, anywhere in it."""
    names = {path: name for name, path in modules().items()}
    return {name: {names[other] for other in imported(path)} for path, name in names.items()}


def folder_of(module: str) -> str:
    """The folder of a module."""
    return module.rpartition(".")[0]


def test_every_folder_is_a_foundation_a_stage_or_a_command_and_its_init_file_is_empty():
    """But for that of `draw`, which people import."""
    folders = {path.name for path in LIBRARY.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == {*FOUNDATIONS, *STAGES, *COMMANDS}
    inits = {path for path in LIBRARY.rglob("__init__.py") if path.read_text()}
    assert inits == {LIBRARY / "draw/__init__.py"}


def fault(module: str, other: str) -> str:
    """Why a module may not import another one; empty if it may."""
    own, folder = folder_of(module), folder_of(other)
    order = (*FOUNDATIONS, *STAGES)
    if folder == own or own in {*COMMANDS, ALL_COMMANDS}:
        return ""
    if own not in order or folder not in order or order.index(folder) >= order.index(own):
        return f"{module} imports {other}, which does not come before it"
    if folder in STAGES and other.rpartition(".")[2] not in FORMATS[folder]:
        return f"{module} imports {other}, which is not a format"
    return ""


@pytest.mark.slow
def test_a_module_imports_what_comes_before_it_alone():
    faults = {fault(module, other) for module, others in import_graph().items() for other in others}
    assert faults == {""}


def test_no_module_imports_itself_through_others():
    try:
        TopologicalSorter(import_graph()).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round: {error.args[1]}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "module", sorted(f"{folder}.{leaf}" for folder, leaves in FORMATS.items() for leaf in leaves)
)
def test_reading_a_format_loads_no_maker_and_no_heavy_library(module):
    torch = NEEDED.get(module, set()) & {"torch"}
    loaded = loaded_by(f"import photosketch.{module}", *torch)
    assert loaded & HEAVY == NEEDED.get(module, set())
    library = {name.removeprefix("photosketch.") for name in loaded if "photosketch." in name}
    makers = {
        name
        for name in library & set(modules())
        if folder_of(name) in STAGES and name.rpartition(".")[2] not in FORMATS[folder_of(name)]
    }
    assert not makers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "never"),
    [
        ("infer", {"tensorboard", "matplotlib", "photosketch.training.loop"}),
        ("compare", {"torch", "pytorch_fid", "cv2", "photosketch.evaluation.scores"}),
        ("write_sketches", {"torch", "pytorch_fid", "cv2", "matplotlib"}),
        ("summarise_warps", {"torch", "cv2", "photosketch.parsing.segmentation"}),
        ("show_landmarks", {"torch", "photosketch.landmarks.detection"}),
        ("show_aligned", {"torch", "cv2", "photosketch.align.align_pairs"}),
        ("show_parsings", {"torch", "cv2", "photosketch.parsing.segmentation"}),
        ("show_warps", {"torch", "photosketch.parsing.segmentation", "photosketch.warp.estimate"}),
        ("merge_landmarks", {"torch", "cv2", "photosketch.landmarks.detection"}),
        ("pack_tensors", {"torch", "cv2", "photosketch.parsing.segmentation"}),
        ("pack_warped_tensors", {"torch", "photosketch.warp.estimate"}),
        ("estimate_differences", {"torch", "cv2", "pytorch_fid"}),
        ("show_seams", {"torch", "photosketch.parsing.segmentation"}),
        ("show_memory", {"torch", "cv2", "photosketch.evaluation.scores"}),
    ],
)
def test_a_script_loads_what_its_stage_needs(script, never):
    tree = ast.parse((SCRIPTS / f"{script}.py").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    torch = () if "torch" in never else ("torch",)
    loaded = loaded_by("\n".join(map(ast.unparse, imports)), *torch)
    assert "photosketch.jobs.job" in loaded
    assert not loaded & never


def test_the_draw_command_tells_of_missing_files_before_it_loads_anything_heavy():
    command = "from photosketch.draw.__main__ import main"
    loaded = loaded_by(f"{command}\nassert main(['none', 'none', '--output', 'none']) == 1")
    assert not loaded & HEAVY


@cache
def importer(*loaded: str) -> subprocess.Popen:
    """A process that answers Python code with the modules that a fork of it has then loaded.

    It has some modules beforehand: `loaded`, what nearly every module imports and no test here asks
    about, and folders of the library that every stage may use.
    """
    program = """if True:
        import os, sys
        sys.path.insert(0, sys.argv[1])
        import numpy, pandas, PIL.Image, scipy.stats, tqdm, yaml
        import photosketch.data.pairs
        for name in sys.argv[2:]:
            __import__(name)
        for line in sys.stdin:
            if not os.fork():
                try:
                    exec(eval(line))
                    print(*sys.modules, flush=True)
                except BaseException as error:
                    print(repr(error), flush=True)
                os._exit(0)
            os.wait()
    """
    command = [sys.executable, "-c", program, str(SCRIPTS), *loaded]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def loaded_by(code: str, *before: str) -> set[str]:
    """The modules that are loaded after the code in an `importer` of modules that may be there."""
    process = importer(*before)
    print(repr(code), file=process.stdin, flush=True)
    loaded = set(process.stdout.readline().split())
    assert "sys" in loaded, loaded
    return loaded
