"""``skelact demo``: all steps on generated people."""

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def run(*, out: Annotated[Path, Parameter(name=["--out", "-o"])] = Path("skelact-demo")) -> int:
    """Show all steps on generated people, in about two minutes.

    Generates recordings, learns from them without labels, measures the result against the untrained encoder,
    searches by example and writes a report. An interrupted demo continues where it stopped.

    Args:
        out: folder for everything that the demo makes.
    """
    from skelact.cli.progress import stage_bar, step_line
    from skelact.demo import CLIPS, run_demo
    from skelact.report.text import text_table

    started = time.perf_counter()
    print(f"{CLIPS} generated recordings of people doing 20 things; half of the people are kept for testing.")
    with stage_bar() as show:
        demo = run_demo(out, show, lambda step: show(f"pretrain  {step_line(step)}", step.step, step.steps))
    print(text_table(demo.evaluation.results))
    print("\nSearch by example: a test clip -> the training clips nearest to it")
    for action, found in demo.found:
        print(f"  {action:24} -> {', '.join(found)}")
    print(f"\nReport: {demo.report}   ({time.perf_counter() - started:.0f} s in all)")
    return 0
