"""Files are compared by their content, not by their times."""

import os

import pytest

from photosketch.data import input_hashes
from photosketch.jobs import disk


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "memory.json"


@pytest.fixture
def images(tmp_path):
    files = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 100)
    return files


def replace_by_an_older_file(file, content):
    other, before = file.with_name("other"), file.stat()
    other.write_bytes(content)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns - 10**12))
    os.replace(other, file)


def test_an_older_file_of_the_same_size_or_time_is_another(images, memory):
    first = input_hashes.digest(images, memory)
    replace_by_an_older_file(images[1], b"x" * 100)
    assert input_hashes.digest(images, memory) != first
    replace_by_an_older_file(images[1], bytes([1]) * 100)
    assert input_hashes.digest(images, memory) == first
    times = images[0].stat()
    images[0].write_bytes(b"y" * 100)
    os.utime(images[0], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert input_hashes.digest(images, memory) != first


def test_names_order_and_absence_count(images, tmp_path):
    digests = {
        input_hashes.digest(images),
        input_hashes.digest(images[::-1]),
        input_hashes.digest(images[:2]),
        input_hashes.digest([*images[:2], tmp_path / "nothing.jpg"]),
    }
    assert len(digests) == 4


def test_only_what_changed_is_read_again(images, memory, monkeypatch):
    hashed = []
    first = input_hashes.digest(images, memory)
    monkeypatch.setattr(
        input_hashes, "file_sha256", lambda path: hashed.append(path) or disk.file_sha256(path)
    )
    assert input_hashes.digest(images, memory) == first
    assert hashed == []
    os.utime(images[2])
    assert input_hashes.digest(images, memory) == first
    assert hashed == [str(images[2])]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": [1, 2]}', "\x00"])
def test_a_damaged_memory_costs_time_alone(images, memory, text):
    first = input_hashes.digest(images, memory)
    memory.write_text(text)
    assert input_hashes.digest(images, memory) == first
    memory.unlink()
    memory.mkdir()  # nothing can be written there
    assert input_hashes.digest(images, memory) == first
