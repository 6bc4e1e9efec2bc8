"""What a cross-validation says in the end: its files, its page, and the next command."""

from pathlib import Path

from common.files import write_json
from common.rows import write_csv
from common.run.next_step import last_lines, longer, predict_with
from common.say import say
from transfer.config import TransferConfig
from transfer.folds.pooled import SHARED, Pooled, verdict
from transfer.report.headline import worse_than_guessing
from transfer.report.worst import write_worst
from transfer.scoring import print_table, save_counts


def report_folds(config: TransferConfig, folder: Path, pooled: Pooled) -> None:
    """Write metrics.json, test_images.npz, folds.csv, worst.csv and the page; print what came of it."""
    rows = [
        {
            "fold": run.name,
            "images": len(run.scores),
            "mean_iou": run.scores.mean_iou,
            "best_epoch": run.ended.best_epoch,
            "epochs": run.ended.epochs,
            **{name: each[number] for name, each in pooled.unlike.items()},
        }
        for number, run in enumerate(pooled.runs)
    ]
    write_csv(folder / "folds.csv", rows)
    digests = [digest for run in pooled.runs for digest in run.digests]
    save_counts(folder, pooled.keys, digests, pooled.scores)
    write_worst(folder, pooled.keys, pooled.scores)
    write_json(
        folder / "metrics.json",
        {
            "test": pooled.scores.to_dict(),
            "folds": len(rows),
            "middle": pooled.middle.folder.name,
            "warnings": pooled.warnings,
        },
    )
    print_table(pooled.scores, "all folds")
    say("fold   images  mean IoU  best epoch")
    for number, row in enumerate(rows, start=1):
        say(f"{number:>4} {row['images']:>8} {row['mean_iou']:>9.4f} {row['best_epoch']:>7} of {row['epochs']}")
    say("", verdict(pooled), SHARED)
    steps, middle = [predict_with(pooled.middle.folder)], pooled.middle
    if worse_than_guessing(pooled.scores):
        steps = [*longer("transfer.main", config, folder, images=middle.masks, done=middle.updates), *steps]
    places = {"tables": folder}
    if config.run.report:
        from transfer.folds.page import write_page  # now: a training begins without matplotlib

        places["report"] = write_page(config, pooled, folder / "report.html", steps=steps)
    chosen = f"For new photographs take {pooled.middle.name}, whose score is the middle one."
    last_lines(pooled.guess, chosen, warnings=pooled.warnings, places=places, steps=steps)
