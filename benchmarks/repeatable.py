"""Train one network in several processes, and count the different weights: 1 if training is repeatable.

    python benchmarks/repeatable.py [--processes 20] [--architecture cnn]

Each process trains for one epoch on 1,536 random sequences of 101 bases, with all cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter

TRAIN = """
import sys
import torch
from demo_core.testing import tiny_dataset
from demo_train.settings import TrainingSettings
from demo_train.training import train
from gradients import model_of
torch.manual_seed(0)
model = model_of(sys.argv[1])
train(model, tiny_dataset(1536, 101), TrainingSettings(epochs=1))
print(model.digest())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--architecture", default="cnn", choices=["cnn", "rnn", "cnn-rnn"])
    given = parser.parse_args()
    words = [sys.executable, "-c", TRAIN, given.architecture]
    digests = Counter(
        subprocess.run(words, check=True, capture_output=True, text=True, cwd=sys.path[0]).stdout
        for _ in range(given.processes)
    )
    print(f"{given.architecture}: {len(digests)} different weights in {given.processes} processes")
    sys.exit(len(digests) > 1)


if __name__ == "__main__":
    main()
