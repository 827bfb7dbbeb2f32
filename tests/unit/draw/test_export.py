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

WITHOUT_ONNX = "the extra for ONNX is not installed (make setup ONNX=1)"


def export(*arguments):
    return command.main(["--export", *map(str, arguments)])


@pytest.mark.slow
@pytest.mark.parametrize("local", [False, True], ids=["baseline", "local"])
def test_float16_weights_draw_the_same_within_one_gray_level(tmp_path, generators, local):
    path, target = generators[local], tmp_path / "half.safetensors"
    assert export(path, target) == 0
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
def test_the_file_gives_what_torch_gives_without_dropout(tmp_path, generator, recwarn):
    pytest.importorskip("onnxscript", reason=WITHOUT_ONNX)
    ort = pytest.importorskip("onnxruntime", reason=WITHOUT_ONNX)
    target = tmp_path / "generator.onnx"
    assert export(generator, target) == 0
    assert not [one for one in recwarn if "LeafSpec" in str(one.message)]
    weights, about = checkpoint.read_generator(generator)
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


def test_local_networks_and_files_that_are_there_are_refused(tmp_path, generators, capsys):
    there, link, new = tmp_path / "x.onnx", tmp_path / "link", tmp_path / "new.onnx"
    there.write_text("mine")
    generator, local = generators
    link.symlink_to(generator)
    before = generator.read_bytes()
    for arguments, told in (
        ((local, new), f"{local}: has local networks, which cut each photo by its points"),
        ((generator, there), f"{there}: exists; name another file, or overwrite it with --force"),
        ((generator, generator, "--force"), f"{generator}: is the generator itself"),
        ((generator, link, "--force"), f"{link}: is the generator itself"),
    ):
        assert export(*arguments) == 1
        assert told in capsys.readouterr().err
    assert not new.exists()
    assert there.read_text() == "mine"
    assert generator.read_bytes() == before
