"""`python -m photosketch.demo FOLDER` writes the data of the demo, generated face pairs."""

import argparse
from pathlib import Path

from photosketch.demo.dataset import write_demo

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write generated face pairs: the demo's data.")
    parser.add_argument("folder", type=Path)
    write_demo(parser.parse_args().folder)
