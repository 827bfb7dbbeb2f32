"""`make bench`: every measurement in one run, printed and written to results/bench.json.

Machines are shared and noisy: read the ratios within this run, not the times.
"""

import json
import sys
from pathlib import Path

import bench_detection
import bench_training

RESULT = Path("results/bench.json")


def main() -> None:
    results = {}
    print("Detection: batches against one call an image")
    results["detection"] = bench_detection.main()
    print("\nTraining: each switch against plain eager fp32")
    results["training"] = bench_training.main(sys.argv[1:])
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {RESULT}")


if __name__ == "__main__":
    main()
