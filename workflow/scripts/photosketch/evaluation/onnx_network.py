"""A feature network of one's own, from an ONNX file, run by onnxruntime on the CPU."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from photosketch.configuration.settings import OnnxInput
from photosketch.jobs.job import InputError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class OnnxNetwork(nn.Module):
    """[N, 3, H, W] in 0..1 on any device -> [N, D] on the CPU: the first output, flattened.

    Images are resized to the square that the network takes (bilinear) and scaled as it was trained.
    They go in one by one, so that a network exported for one image at a time will do.
    """

    def __init__(self, session: "InferenceSession", taken: OnnxInput, file: Path) -> None:
        super().__init__()
        self.session = session
        self.taken = taken
        self.file = file
        self.input_name = session.get_inputs()[0].name
        self.output_name = session.get_outputs()[0].name

    @classmethod
    def open(cls, file: Path, taken: OnnxInput) -> "OnnxNetwork":
        """The network, tried on a blank image.

        Raises InputError without onnxruntime, and where the file is no network for such images.
        """
        network = cls(_session(file), taken, file)
        network(torch.zeros(1, 3, taken.size, taken.size))
        return network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        side = (self.taken.size, self.taken.size)
        resized = nn.functional.interpolate(
            images.cpu(), size=side, mode="bilinear", align_corners=False
        )
        mean, std = (
            torch.tensor(values)[:, None, None] for values in (self.taken.mean, self.taken.std)
        )
        scaled = ((resized - mean) / std).numpy()
        return torch.from_numpy(np.stack([self._features(image) for image in scaled]))

    def _features(self, image: np.ndarray) -> np.ndarray:
        """Features [D] of one image [3, size, size] float32."""
        batch = np.ascontiguousarray(image[None])
        try:
            (found,) = self.session.run([self.output_name], {self.input_name: batch})
            features = np.asarray(found, np.float32).ravel()
        except Exception as error:  # onnxruntime's errors have no class in common
            raise InputError(
                [
                    f"{self.file}: does not take {list(batch.shape)} float32, RGB at "
                    f"evaluation.features.size, or gives no numbers ({_in_one_line(error)})"
                ]
            ) from error
        if not features.size or not np.isfinite(features).all():
            raise InputError(
                [
                    f"{self.file}: no features, or some that are not finite; are "
                    "evaluation.features.mean and std those it was trained with?"
                ]
            )
        return features


def _session(file: Path) -> "InferenceSession":
    """A session that reads this file alone: weights that an export has put beside it would be
    outside of the hash that results depend on."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(
            [
                f"evaluation.features.onnx: {file} needs onnxruntime, an extra: run make setup "
                "ONNX=1 or pip install -r requirements-onnx.txt"
            ]
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # sums could depend on their number; images go side by side
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", "/dev/null"
    )
    try:
        session = onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no class in common
        raise InputError(
            [
                f"{file}: not an ONNX network in one file ({_in_one_line(error)}); export it with "
                "all weights inside (torch.onnx.export: external_data=False)"
            ]
        ) from error
    names = [one.name for one in session.get_inputs()]
    if len(names) != 1:
        raise InputError([f"{file}: takes {', '.join(names)}; a network of one image is expected"])
    return session


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
