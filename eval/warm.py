"""One process of `eval.speed`, apart so that it measures no leftovers: makes the model, or times labelling in it.

usage: python -m eval.warm FOLDER [--make SHAPE | --file]
"""

import json
import sys
from pathlib import Path

from eval.speed import make_checkpoint, warm_figures

if __name__ == "__main__":
    if "--make" in sys.argv:
        make_checkpoint(Path(sys.argv[1]), sys.argv[3])
    else:
        print(json.dumps(warm_figures(Path(sys.argv[1]), "--file" in sys.argv)))
