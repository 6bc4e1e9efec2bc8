"""`python -m transfer.study --data_dir IMAGES_AND_MASKS --initialisations scratch ae=runs/ae/ae.pth imagenet`."""

import sys
from collections.abc import Sequence
from dataclasses import replace

from common.cli import command
from common.config.load import load_config
from common.say import aside, say
from common.words import counted
from transfer.study.config import StudyConfig
from transfer.study.folder import refuse_foreign


@command()
def main(argv: Sequence[str]) -> None:
    """Train what is missing of the study; write its verdict, table and curves."""
    resumed = ["--resume"] if "--worker" in argv and "--resume" not in argv else []
    config = load_config(StudyConfig, [*argv, *resumed], prog="python -m transfer.study")
    refuse_foreign(config.folder)

    from common.data.load import load_labelled, load_whole  # after the flags: --help answers without importing torch
    from common.run.next_step import last_lines
    from transfer.study.folds import pool_folds
    from transfer.study.images import with_one_fit
    from transfer.study.leaks import data_leaks, leaks_of, pool_leaks
    from transfer.study.networks import refuse_untrainable
    from transfer.study.page import write_page
    from transfer.study.plan import StudyPlan
    from transfer.study.results import Results
    from transfer.study.sentences import next_command, other_baselines
    from transfer.study.table import terminal_lines, write_study

    config, data = with_one_fit(config)
    campaign = StudyPlan(config, data)
    if not config.study.table:
        refuse_untrainable(dict.fromkeys(trial.start for trial in campaign.missing()), campaign.config, data)
    if config.study.dry_run:
        _say_what_is_missing([trial.name for trial in campaign.missing()], *campaign.estimate())
        return
    if config.study.worker:
        campaign.open()
        if failed := campaign.work():
            raise failed
        say(f"all trainings of {campaign.folder} are done: the command without --worker writes the table")
        return
    tested = load_whole(config.data).pack if config.data.folds else data.test
    own = [sentence for start in campaign.starts for sentence in leaks_of(start, tested)]
    folds = [load_labelled(replace(config.data, fold=fold)) for fold in campaign.folds if fold]
    leaks = (*data_leaks(data, *folds), *pool_leaks(config, data, tested), *own)
    campaign.open()  # once nothing refuses it
    aside(*leaks, *other_baselines(campaign.starts))
    failed = None if config.study.table else campaign.work()
    evidence = Results(tuple(campaign.starts), pool_folds(campaign.results(), len(campaign.folds)), leaks)
    write_study(evidence, campaign.config)
    say(*terminal_lines(evidence, campaign.config))
    places = {"tables and figures": campaign.folder}
    if config.run.report:
        places["report"] = write_page(evidence, campaign.config, tested)
    last_lines(places=places, steps=[next_command(evidence, campaign.config)])
    if failed is not None:
        raise failed


def _say_what_is_missing(names: Sequence[str], trainings: int, seconds: float) -> None:
    """Say which trainings are to do, those that are known by their names, and about how long all take."""
    from common.terminal import roughly  # now, as above

    for name in names:
        say(name)
    if later := trainings - len(names):
        aside(f"and {later} more once rates are found")
    say(f"{counted(trainings, 'training')} to do, about {roughly(seconds)} for one process")


if __name__ == "__main__":
    sys.exit(main())
