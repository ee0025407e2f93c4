"""DistributedDataParallel with a loss of topkloss, on processors.

Run it as `torchrun --standalone --nproc-per-node 2 examples/python/ddp`; `--help` lists the options.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Behind this folder: the data are those of all recipes.
sys.path.append(str(Path(__file__).resolve().parents[1] / "made"))

from quick import parser

PARSER = parser("ddp", __doc__)
PARSER.add_argument("--save", type=Path, metavar="FILE", help="where the model goes")
PARSER.add_argument(
    "--rendezvous",
    default="env://",
    metavar="URL",
    help="where processes meet, as `torch.distributed.init_process_group` has it; "
    "default: what torchrun set",
)

# First, for --help needs nothing of what follows.
OPTIONS = PARSER.parse_args()

try:
    from ddp_recipe import main
except ModuleNotFoundError as missing:
    sys.exit(
        f"The package {missing.name} is not installed. Install topkloss[torch] from bindings/python."
    )

if __name__ == "__main__":
    main(quick=OPTIONS.quick, save=OPTIONS.save, rendezvous=OPTIONS.rendezvous)
