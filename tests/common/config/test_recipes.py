"""Recipes by name."""

import pytest

from common.config.load import load_config
from common.config.recipes import BOTH, list_of, recipe_file, recipes
from common.errors import UserError
from pretrain.config import PretrainConfig
from transfer.config import TransferConfig
from transfer.study.config import StudyConfig

KINDS = {"pretrain": PretrainConfig, "transfer": TransferConfig, "study": StudyConfig}


@pytest.mark.parametrize("phase", KINDS)
def test_every_recipe_has_a_name_and_a_line_of_80_letters(phase, capsys):
    with pytest.raises(SystemExit) as stop:
        load_config(KINDS[phase], ["--list-recipes"], prog="")
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(recipes(phase))]] == [one.name for one in recipes(phase)]
    assert max(map(len, list(list_of(phase))[:-1])) <= 80
    assert len({one.name for one in recipes(phase)}) == len(recipes(phase))


@pytest.mark.parametrize("phase", KINDS)
def test_the_figure_of_a_recipe_is_one_that_its_file_tells_of(phase):
    for one in recipes(phase):
        _, _, *measured = [line for line in one.path.read_text().splitlines() if line.startswith("#")]
        assert one.figure in " ".join(measured)


@pytest.mark.parametrize("word", ["isic_tuned", "c_isic_tuned"])
@pytest.mark.parametrize("flag", ["--recipe {}", "--recipe={}"])
def test_a_recipe_is_named_by_itself_or_by_its_file_and_flags_win_over_it(word, flag):
    config = load_config(TransferConfig, [*flag.format(word).split(), "--data-dir", "x", "--lr", "0.5"], prog="")
    same = load_config(TransferConfig, ["--config", str(recipe_file("transfer", "isic_tuned")), "--lr", "0.5"], prog="")
    assert (config.decoder, config.loss, config.training) == (same.decoder, same.loss, same.training)
    assert (config.training.lr, config.decoder.decoder) == (0.5, "transpose")


def test_phases_have_recipes_of_their_own():
    config = load_config(PretrainConfig, ["--recipe", "pets_autoencoder", "--data_dir", "x"], prog="")
    assert config.pretext.pretext == "plain"
    with pytest.raises(UserError, match="--recipe isic_tuned is none of those that --list_recipes names"):
        load_config(PretrainConfig, ["--recipe", "isic_tuned"], prog="")


def test_an_unknown_recipe_is_refused_with_the_nearest_and_two_files_too():
    with pytest.raises(UserError, match="did you mean isic_tuned"):
        load_config(TransferConfig, ["--recipe", "isic_tund"], prog="")
    with pytest.raises(UserError, match="leave one of them out"):
        load_config(TransferConfig, ["--recipe", "isic_tuned", "--config", "x.yaml"], prog="")


def test_the_recipes_of_both_phases_come_first_and_have_the_same_names():
    for phase in ("pretrain", "transfer"):
        assert tuple(one.name for one in recipes(phase))[:4] == BOTH


def of_recipe(kind, name, *flags):
    return load_config(kind, ["--recipe", name, "--data_dir", "x", *flags], prog="")


def groups(config):
    """All settings but those of the run, which name the recipe."""
    return {name: group for name, group in vars(config).items() if name != "run"}


@pytest.mark.parametrize(("old", "new"), [("features", "distil"), ("system_a", "pets_autoencoder")])
def test_a_recipe_of_another_name_before_is_found_by_that_too(old, new):
    assert groups(of_recipe(PretrainConfig, old)) == groups(of_recipe(PretrainConfig, new))


def test_object_is_outlines_in_two_rounds():
    once, twice = (of_recipe(PretrainConfig, "outlines", *flags) for flags in ([], ["--pseudo_mask_rounds", "2"]))
    assert groups(once) != groups(twice) == groups(of_recipe(PretrainConfig, "object"))


def test_general_is_what_phase_1_does_anyway():
    assert groups(of_recipe(PretrainConfig, "general")) == groups(
        load_config(PretrainConfig, ["--data_dir", "x", "--fit", "squash"], prog="")
    )


def test_published_is_system_a_at_the_usual_size_and_length():
    plain, ours, exact = (of_recipe(PretrainConfig, name) for name in ("general", "published", "system_a"))
    assert (ours.data, ours.training) == (plain.data, plain.training)
    shared = ("model", "decoder", "loss", "optim", "augment", "pretext")
    assert all(getattr(ours, name) == getattr(exact, name) for name in shared)
    ours, exact = (of_recipe(TransferConfig, name) for name in ("published", "pets_autoencoder"))
    shared = ("loss", "optim", "augment", "encoder", "decoder")
    assert all(getattr(ours, name) == getattr(exact, name) for name in shared)
    assert (ours.training.lr, ours.training.batch_size) == (exact.training.lr, exact.training.batch_size)
    assert (ours.data.image_size, ours.training.epochs, ours.training.patience) == (128, 0, 0)


@pytest.mark.parametrize("name", BOTH[1:])
def test_the_other_recipes_of_both_phases_are_the_defaults_of_phase_2(name):
    words = ["--data_dir", "x", "--pretrained_encoder", "ae.pth", "--fit", "squash"]
    usual = load_config(TransferConfig, words, prog="")
    assert groups(of_recipe(TransferConfig, name)) == groups(usual)


@pytest.mark.parametrize("flag", ["--encoder", "--init_from", "--like", "--pretrained_encoder"])
@pytest.mark.parametrize("name", [*BOTH, "pets_imagenet"])
def test_a_flag_for_another_network_replaces_that_of_a_recipe(flag, name):
    encoder = of_recipe(TransferConfig, name, flag, "unet").encoder
    given = {rival: str(value) for rival in TransferConfig.RIVALS if (value := getattr(encoder, rival)) is not None}
    assert given == {flag.removeprefix("--"): "unet"}
