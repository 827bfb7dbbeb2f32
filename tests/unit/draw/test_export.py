"""A generator in another file draws the same pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from photosketch.draw import Sketcher
from photosketch.draw import __main__ as command
from photosketch.training import checkpoint, inference
from photosketch.training.layers import HalfDropout
from photosketch.training.networks import as_at_test_time
from support.faces.pair import draw_pair
from support.generators import generator_file

WITHOUT_ONNX = "the extra for ONNX is not installed (make setup ONNX=1)"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Generator files, without and with local networks."""
    return [
        generator_file(tmp_path_factory.mktemp("model"), local=local) for local in (False, True)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("local", [False, True], ids=["baseline", "local"])
def test_float16_weights_draw_the_same_within_one_gray_level(tmp_path, paths, local):
    path, target = paths[local], tmp_path / "half.safetensors"
    assert command.main(["--export", str(path), str(target)]) == 0
    assert target.stat().st_size < 0.6 * path.stat().st_size
    whole, half = Sketcher.load(path), Sketcher.load(target)
    assert half.about == whole.about
    assert {value.dtype for value in half.generator.state_dict().values()} == {
        value.dtype for value in whole.generator.state_dict().values()
    }
    for seed in range(4):
        pair = draw_pair(seed)
        given = pair.photo, pair.photo_landmarks, pair.photo_labels, f"a/{seed}"
        drawn = [sketcher.sketch(*given).astype(int) for sketcher in (whole, half)]
        assert np.abs(drawn[0] - drawn[1]).max() <= 1
        assert drawn[0].std() > 1


@pytest.mark.slow
def test_the_file_gives_what_torch_gives_without_dropout(tmp_path, paths, recwarn):
    pytest.importorskip("onnxscript", reason=WITHOUT_ONNX)
    ort = pytest.importorskip("onnxruntime", reason=WITHOUT_ONNX)
    path, target = paths[False], tmp_path / "generator.onnx"
    assert command.main(["--export", str(path), str(target)]) == 0
    assert not [one for one in recwarn if "LeafSpec" in str(one.message)]
    weights, about = checkpoint.read_generator(path)
    network = inference.build(weights, about).unet
    for module in network.modules():
        if isinstance(module, HalfDropout):
            module.forward = lambda features: features
    photo = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        wanted = as_at_test_time(network, torch.Generator())(photo).numpy()
    session = ort.InferenceSession(target.read_bytes(), providers=["CPUExecutionProvider"])
    (given,) = session.run(["sketch"], {"photo": photo.numpy()})
    assert np.abs(given - wanted).max() < 1e-4
    assert wanted.std() > 0.01
    stored = session.get_modelmeta().custom_metadata_map["photosketch"]
    assert json.loads(stored) == about
    here = str(Path(__file__).parents[3]).encode()
    assert here not in target.read_bytes(), "the exporter's folders are nobody's concern"


@pytest.mark.parametrize(
    ("local", "said"),
    [(True, "local networks, which cut each photo by its points"), (False, "--force")],
)
def test_local_networks_and_a_file_that_is_there_are_refused(tmp_path, paths, capsys, local, said):
    target = tmp_path / "x.onnx"
    if not local:
        target.write_text("mine")
    assert command.main(["--export", str(paths[local]), str(target)]) == 1
    assert said in capsys.readouterr().err
    assert not target.exists() if local else target.read_text() == "mine"


def test_the_generator_is_not_overwritten(tmp_path, paths, capsys):
    path = paths[False]
    (tmp_path / "link").symlink_to(path)
    before = path.read_bytes()
    for target in (path, tmp_path / "link"):
        assert command.main(["--export", str(path), str(target), "--force"]) == 1
        assert f"{target}: is the generator itself" in capsys.readouterr().err
    assert path.read_bytes() == before
