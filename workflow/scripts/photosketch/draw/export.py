"""A generator in another file: half as large, or as ONNX for other programs.

`GENERATOR.safetensors` has the weights as float16 and draws like the original. Only a generator
without local networks can become ONNX. The input is `photo` [1, 3, F, F] float32 in [-1, 1], RGB in
the middle of a frame padded as in training; the output is `sketch` [1, C, F, F] in [-1, 1]. The
model normalises by the single image's statistics, as the workflow does when it draws test photos.
Unlike the workflow, it draws without dropout.
"""

import copy
import json
import warnings
from pathlib import Path

import torch
from torch import nn

from photosketch.data.storage import write_tensors
from photosketch.draw import inputs
from photosketch.draw.sketcher import read_generator
from photosketch.jobs.disk import write_atomically
from photosketch.jobs.messages import InputError
from photosketch.training import inference, networks

OPSET = 18


def export(generator: Path, target: Path, *, force: bool = False) -> None:
    """Write `target`: float16 weights if its name ends in .safetensors, else ONNX.

    Both have the generator's metadata; ONNX in the model's metadata, key `photosketch`. Raises
    InputError if the target exists without `force` or, for ONNX, if the generator has local
    networks or the extra for ONNX is not installed.
    """
    problems = inputs.generator_faults(generator)
    if not problems and target.exists() and target.samefile(generator):
        problems.append(f"{target}: is the generator itself; name another file")
    elif target.exists() and not force:
        problems.append(f"{target}: exists; name another file, or overwrite it with --force")
    if problems:
        raise InputError(problems)
    weights, about = read_generator(generator)
    if target.suffix == ".safetensors":
        halved = {  # running statistics, which have a larger range, stay float32
            name: value if value.dtype != torch.float32 or ".running_" in name else value.half()
            for name, value in weights.items()
        }
        write_tensors(target, halved, about)
        return
    network = inference.build(weights, about)
    if network.local is not None:
        fault = "has local networks, which cut each photo by its points and labels"
        remedy = "only generators without (losses.local 0) are exported to ONNX"
        raise InputError([f"{generator}: {fault}; {remedy}"])
    try:
        import onnx
        import onnxscript  # noqa: F401, what torch exports with
    except ImportError as error:
        raise InputError([f"{error.name} is not installed: make setup ONNX=1"]) from error
    side = about["frame"]
    photo = torch.zeros(1, networks.PHOTO_CHANNELS, side, side)
    with warnings.catch_warnings():
        # torch's exporter itself uses the deprecated class
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
    assert program is not None  # because no file is given to write
    model = program.model_proto
    for part in (model.graph, *model.functions):
        for node in part.node:
            del node.metadata_props[:]  # paths of code on this machine
    onnx.helper.set_model_props(model, {"photosketch": json.dumps(about)})
    with write_atomically(target) as temporary:
        onnx.save(model, temporary)


def by_instance(network: networks.UNet) -> nn.Module:
    """A copy that normalises by the single image's statistics and has no dropout: otherwise like
    `networks.as_at_test_time` for one image."""
    own = copy.deepcopy(network).eval()
    for module in list(own.modules()):
        for name, norm in module.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                instance = nn.InstanceNorm2d(norm.num_features, eps=norm.eps, affine=True).eval()
                instance.weight, instance.bias = norm.weight, norm.bias
                setattr(module, name, instance)
    return own
