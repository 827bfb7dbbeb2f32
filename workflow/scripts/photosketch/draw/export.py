"""A generator in another file: half as large, or as ONNX for programs of others.

`GENERATOR.safetensors` holds the weights as float16 and draws like the original. An ONNX file is
possible only without local networks. It takes `photo` [1, 3, F, F] float32 in [-1, 1], RGB in the
middle of a frame padded as in training, and gives `sketch` [1, C, F, F] in [-1, 1]. It normalises
by the statistics of the single image, as the workflow does when it draws test photos. Unlike the
workflow it draws without dropout.
"""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from photosketch.data.storage import write_tensors
from photosketch.draw import generator_file
from photosketch.draw.sketcher import read_generator
from photosketch.jobs.job import InputError, write_atomically
from photosketch.training import checkpoint, inference, networks
from photosketch.training.networks import PHOTO_CHANNELS, UNet

OPSET = 18


def export(generator: Path, target: Path, *, force: bool = False) -> None:
    """Write `target`: float16 weights if its name ends in .safetensors, else ONNX.

    Either file repeats what the generator's file says of itself; ONNX has it in the model's
    metadata, key `photosketch`. Raises InputError if the target exists and `force` is not given
    or, for ONNX, if the generator has local networks or the extra for ONNX is not installed.
    """
    problems = generator_file.faults(generator)
    if not problems and target.exists() and target.samefile(generator):
        problems.append(f"{target}: is the generator itself; name another file")
    elif target.exists() and not force:
        problems.append(f"{target}: exists; name another file, or overwrite it with --force")
    if problems:
        raise InputError(problems)
    weights, about = read_generator(generator)
    if target.suffix == ".safetensors":
        write_tensors(target, halved(weights), about)
    else:
        _export_onnx(generator, inference.build(weights, about), about, target)


def halved(weights: checkpoint.Weights) -> checkpoint.Weights:
    """Weights as float16; running statistics, which reach further, stay float32."""
    return {
        name: value.half() if value.dtype == torch.float32 and ".running_" not in name else value
        for name, value in weights.items()
    }


def _export_onnx(
    generator: Path, network: networks.Generator, about: dict[str, Any], target: Path
) -> None:
    if network.local is not None:
        raise InputError(
            [
                f"{generator}: has local networks, which cut each photo by its points and labels; "
                "only generators without (losses.local 0) are exported to ONNX"
            ]
        )
    try:
        import onnx
        import onnxscript  # noqa: F401, what torch exports with
    except ImportError as error:
        raise InputError([f"{error.name} is not installed: make setup ONNX=1"]) from error
    side = about["frame"]
    photo = torch.zeros(1, PHOTO_CHANNELS, side, side)
    with warnings.catch_warnings():
        # torch's own use of its own class, in copying what it exports
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        program = torch.onnx.export(
            by_instance(network.unet),
            (photo,),
            input_names=["photo"],
            output_names=["sketch"],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # as it is without a file to write
    model = program.model_proto
    for part in (model.graph, *model.functions):
        for node in part.node:
            del node.metadata_props[:]  # where its code lies on this machine
    onnx.helper.set_model_props(model, {"photosketch": json.dumps(about)})
    with write_atomically(target) as temporary:
        onnx.save(model, temporary)


def by_instance(network: UNet) -> nn.Module:
    """A copy whose batch normalisation always goes by the single image, and without dropout: for
    one image what `networks.as_at_test_time` gives, but for the dropout."""
    own = copy.deepcopy(network).eval()
    for module in list(own.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, _instance_norm(child))
    return own


def _instance_norm(norm: nn.BatchNorm2d) -> nn.InstanceNorm2d:
    instance = nn.InstanceNorm2d(norm.num_features, eps=norm.eps, affine=True)
    instance.weight, instance.bias = norm.weight, norm.bias
    return instance.eval()
