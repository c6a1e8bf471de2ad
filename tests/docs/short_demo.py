"""``skelact demo`` on fewer clips and for fewer epochs: every stage of it, in seconds instead of minutes."""

import sys
from dataclasses import replace

from skelact import cli, demo

if __name__ == "__main__":  # reading processes import this file too
    demo.CLIPS = 200
    demo.RECIPE = replace(demo.RECIPE, train=replace(demo.RECIPE.train, epochs=6))
    sys.exit(cli.run(["demo"]))
