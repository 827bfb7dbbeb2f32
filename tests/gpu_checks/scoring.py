"""Features, metrics of single images and landmarks: on the GPU as on the CPU."""

import numpy as np
import torch

from gpu_checks.result import Result, verdict


def _sketches(seed: int) -> np.ndarray:
    """Gray noise in blocks, [8, 250, 200] uint8."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (8, 50, 40), np.uint8).repeat(5, axis=1).repeat(5, axis=2)


def features(device: str, width: int) -> Result:
    """An Inception of random weights, which needs no file."""
    from torchvision.models import inception_v3

    from photosketch.evaluation.extractors import extract

    torch.manual_seed(0)
    network = inception_v3(weights=None, aux_logits=False, init_weights=False).eval()
    network.fc = torch.nn.Identity()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    on_cpu = extract(_sketches(0), network, "cpu")
    on_gpu = extract(_sketches(0), network.to(device), device)
    distance = float(np.linalg.norm(on_gpu - on_cpu) / np.linalg.norm(on_cpu))
    problems = [] if distance < 1e-4 else [f"{distance:.1e} of their norm off"]
    return verdict(problems, f"{distance:.1e} of their norm off", relative=distance)


def image_metrics(device: str, width: int) -> Result:
    """SSIM, FSIM and SCOOT."""
    from photosketch.evaluation.image_metrics import Measured, score_images

    on_cpu, on_gpu = (
        score_images(Measured.of(_sketches(0), place), Measured.of(_sketches(1), place))
        for place in ("cpu", device)
    )
    found = (on_gpu - on_cpu).abs().max().to_dict()
    problems = [f"{name} is {value:.1e} off" for name, value in found.items() if not value < 1e-4]
    return verdict(problems, f"at most {max(found.values()):.1e} off", absolute=found)


def landmarks(device: str, width: int) -> Result:
    """MTCNN's points on generated faces."""
    from photosketch.landmarks.detection import detect
    from support.faces.looks import LOOKS
    from support.faces.pair import draw_pair

    pairs = [draw_pair(seed, LOOKS[seed % len(LOOKS)]) for seed in range(4)]
    images = [image for pair in pairs for image in (pair.photo, pair.sketch)]
    on_cpu, on_gpu = (detect(images, place) for place in ("cpu", device))
    if [face is None for face in on_cpu] != [face is None for face in on_gpu]:
        return Result("FAIL", "other faces are found")
    distances = [
        np.abs(a.points - b.points).max() for a, b in zip(on_cpu, on_gpu, strict=True) if a and b
    ]
    if not distances:
        return Result("FAIL", "no face was found")
    farthest = float(max(distances))
    problems = [] if farthest < 0.05 else [f"a point is {farthest:.2f} px off"]
    return verdict(problems, f"{len(distances)} faces, at most {farthest:.1e} px off")
