"""Drawing test photos: reproducible, image by image, cropped back."""

import dataclasses

import numpy as np
import pytest
import torch

from photosketch.jobs.messages import InputError
from photosketch.training import inference, networks, tensors
from photosketch.training.checkpoint import save_generator
from photosketch.training.kept_trainings import generator_path
from photosketch.training.trainer import PLAIN, Trainer
from support.face_batch import packed_pairs
from support.settings import loss_weights
from support.small_training import network_config, small_config

CPU = torch.device("cpu")


def random_set(count=3, channels=1) -> tensors.PackedSet:
    """Random pixels in place of the three smooth pairs, whose points and labels stay."""
    random = torch.Generator().manual_seed(5)
    photo, sketch = (
        torch.randint(0, 256, (count, 256, 256, depth), generator=random).byte()
        for depth in (3, channels)
    )
    return dataclasses.replace(some(packed_pairs(), count), photo=photo, sketch=sketch)


def some(data, stop, start=0) -> tensors.PackedSet:
    """Some of the pairs."""
    names = ("ids", "subset", "photo", "sketch", "landmarks", "parsing")
    return dataclasses.replace(data, **{name: getattr(data, name)[start:stop] for name in names})


@pytest.fixture(params=[False, True], ids=["global", "local"])
def generator(request):
    return networks.build_generator(network_config(local=request.param), 1, seed=1)


def draw(generator, data, statistics="instance", seed=0, epoch=1):
    return inference.draw(generator, data, statistics, seed, epoch, CPU)


def test_a_sketch_has_the_input_size_and_follows_from_photo_seed_and_epoch_alone(generator):
    """Whatever else is drawn with it."""
    data = random_set()
    last = some(data, 3, start=2)
    drawn = draw(generator, data)
    assert (drawn.shape, drawn.dtype) == ((3, 250, 200), np.uint8)
    assert drawn[2].std() > 0
    assert np.array_equal(drawn[2:], draw(generator, last))
    for other in ({"seed": 1}, {"epoch": 2}):  # dropout is on
        assert not np.array_equal(drawn[2:], draw(generator, last, **other))


@pytest.mark.slow
def test_running_statistics_are_left_alone_and_decide_only_in_eval(generator):
    data = random_set(1)
    buffers = {name: value.clone() for name, value in generator.named_buffers()}
    instance = draw(generator, data)
    for name, value in generator.named_buffers():
        assert torch.equal(value, buffers[name])
    running = draw(generator, data, statistics="running")
    assert not np.array_equal(instance, running)
    assert np.array_equal(running, draw(generator, data, statistics="running", seed=9))
    with torch.no_grad():
        for name, value in generator.named_buffers():
            if name.endswith("running_mean"):
                value += 1
    assert np.array_equal(instance, draw(generator, data))
    assert not np.array_equal(running, draw(generator, data, statistics="running"))


def draws(generator, image, monkeypatch):
    monkeypatch.setattr(generator, "forward", lambda *_: networks.GeneratorOutput(image, {}, None))


def test_the_sketch_is_cut_out_where_the_image_lies_in_the_frame(generator, monkeypatch):
    ramp = torch.linspace(-1, 1, 256)
    drawn = (ramp[:, None] + ramp[None, :])[None, None] / 2
    draws(generator, drawn, monkeypatch)
    expected = ((drawn[0, 0, 3:253, 28:228] + 1) * 127.5).round().numpy().astype(np.uint8)
    assert np.array_equal(draw(generator, random_set(1))[0], expected)


def test_colour_sketches_are_stored_as_itu_601_gray(monkeypatch):
    generator = networks.build_generator(network_config(local=False), 3, seed=0)
    colour = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None].expand(1, 3, 256, 256)
    draws(generator, colour, monkeypatch)
    assert draw(generator, random_set(1, channels=3))[0].mean() == 76  # 0.299 * 255


@pytest.mark.parametrize("fusion", ["apdrawing", "feather"])  # which have the same weights
def test_a_saved_generator_draws_like_the_one_in_memory(tmp_path, fusion):
    config = small_config(epochs=1, losses=loss_weights(l1=100, local=25), fusion=fusion)
    trainer = Trainer(config, 0, 1, CPU, PLAIN)
    save_generator(tmp_path, 1, trainer.generator.module.state_dict(), trainer.about())
    loaded = inference.load_generator(generator_path(tmp_path, 1), CPU)
    data = random_set(1)
    assert np.array_equal(draw(loaded, data), draw(trainer.generator.module, data))


def test_the_generator_of_another_run_is_refused_by_what_it_says_of_itself(tmp_path):
    config = small_config(epochs=3)
    trainer = Trainer(config, 0, 1, CPU, PLAIN)
    about = {**trainer.about(), "epoch": 2, "training_set_sha256": "0123"}
    save_generator(tmp_path, 2, trainer.generator.module.state_dict(), about)
    path = generator_path(tmp_path, 2)
    own = {"hparams": config.hparams(), "seed": 0, "epoch": 2}
    own["training_set_sha256"] = "0123"
    inference.load_generator(path, CPU, own)
    inference.load_generator(path, CPU, {**own, "hparams": {**own["hparams"], "epochs": 5}})

    other = {**own["hparams"], "losses": {"l1": 100.0, "glad": 100.0}, "glad_form": "magnitude"}
    for wrong, said in (
        ({**own, "seed": 1}, "seed 0, not 1"),
        ({**own, "epoch": 3}, "epoch 2, not 3"),
        ({**own, "hparams": other}, "glad_form None, not magnitude; losses"),
        ({**own, "training_set_sha256": "45"}, "training_set_sha256 0123, not 45"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            inference.load_generator(path, CPU, wrong)
        assert f"{path}: a generator of " in str(caught.value)
