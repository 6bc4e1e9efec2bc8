from pathlib import Path

import pytest

from common.config.load import flatten, load_config, save_config, unflatten
from common.config.settings import settings_of
from common.doctor.config import DoctorConfig
from common.errors import UserError
from pretrain.config import PretrainConfig, config_class
from pretrain.evaluate.config import EvaluateConfig as LookConfig
from transfer.compare.config import CompareConfig
from transfer.config import TransferConfig
from transfer.evaluate.config import EvaluateConfig
from transfer.study.config import StudyConfig

PROG = "python -m pretrain.main"


def load(*words, kind=PretrainConfig, demo=None):
    return load_config(kind, [str(word) for word in words], prog=PROG, demo=demo)


def refusal(*words, **settings):
    with pytest.raises(UserError) as error:
        load(*words, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("lr: 1e-4\nepochs: 7\n")
    config = load("--config", file, "--epochs", 9)
    assert (config.training.lr, config.training.epochs) == (1e-4, 9)
    assert config.training.weight_decay == PretrainConfig().training.weight_decay


@pytest.mark.parametrize("kind", [PretrainConfig, TransferConfig])
def test_a_saved_config_feeds_back_to_the_same_settings(kind, tmp_path):
    config = load("--lr", 0.5, "--widths", 8, 8, 8, "--dropout", 0, 0, 0, "--decoder_dropout", 0, 0, "--amp", kind=kind)
    save_config(config, tmp_path / "config.yaml")
    again = load("--config", tmp_path / "config.yaml", kind=kind)
    assert flatten(again) == flatten(config)
    assert unflatten(kind, flatten(config), source=tmp_path) == config


@pytest.mark.parametrize("kind", [PretrainConfig, TransferConfig, EvaluateConfig])
def test_flag_names_are_unique_over_the_groups(kind):
    from dataclasses import fields

    names = [field.name for group in fields(kind) for field in fields(group.type)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lrr", "3"], r"unknown flag --lrr; did you mean --lr?"),
        (["--lr", "-1"], "--lr is -1.0"),
        (["--lr", "fast"], "--lr is 'fast': it takes a number"),
        (["--lr"], "--lr needs a value: a number"),
        (["--lr", "--amp"], "--lr needs a value: a number"),
        (["--amp_dtype", "fp8"], "--amp_dtype is 'fp8': it takes one of bf16, fp16"),
        (["--channels", "2"], "--channels is '2': it takes one of 1, 3, 4"),
        (["--epochs", "2.5"], "--epochs is '2.5': it takes a whole number"),
        (["--epochs=2.5"], "--epochs is '2.5': it takes a whole number"),
        (["--val_share", "lots"], "--val_share is 'lots': it takes a number"),
        (["--data_dir"], "--data_dir needs a value: a path"),
        (["--widths", "8", "wide"], "--widths is '8 wide': it takes whole numbers"),
        (["--device", "gpu"], "--device is 'gpu'"),
        (["--amp", "--amp_dtype", "fp16", "--device", "cpu"], "fp16 does not work on a CPU"),
        (["--precision", "fp16", "--device", "cpu"], "--precision fp16 does not work on a CPU: use --precision bf16"),
        (["--widths", "8", "8", "--dropout", "0", "0", "0.1"], "2 --widths, 3 --dropout: give both as many"),
        (["--widths", "8"], "1 --widths, 1 --dropout: give both as many, at least 2"),
        (
            ["--target", "image", "--mse_weight", "0", "--ssim_weight", "0"],
            "all loss weights are 0",
        ),
        (["--seed", "1" * 5001], "it takes a whole number"),
        (["--epochs", "1" * 400], "it takes numbers up to 1e+18"),
        (["--perceptual_net", "["], "is not YAML"),
        (["--resume"], "--resume needs --output_dir"),
        (["--resume", "--output_dir", "nowhere"], "there is no run to resume in nowhere"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: No such file"),
        (["stray"], "unexpected word 'stray'"),
        (["--epochs", "3", "4"], "unexpected word '4'"),
        (["-x"], "unknown flag -x"),
    ],
)
def test_a_bad_flag_is_refused_in_one_sentence(words, said):
    assert said in refusal(*words)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rate: 1", "unknown config key 'learning_rate'"),
        ("weight_dekay: 1", "did you mean weight_decay?"),
        ("lr: -1", "--lr is -1"),
        ("lr: [1, 2]", "--lr is [1, 2]"),
        ("- lr", "not a list"),
        ("lr: : 1", "is not YAML"),
        ("lr: 1\nseed: 2\nlr: 3", "lr stands here and in line 1"),
        ("warmup_epochs: .inf", "--warmup_epochs is inf: it takes numbers up to 1e+18"),
        ("warmup_epochs: 1e300", "--warmup_epochs is 1e+300"),
        ("epochs: 1" + "0" * 400, "too large"),
        ("seed: " + "1" * 5001, "is not YAML"),
        ("seed: 0x" + "f" * 5001, "too large"),
        ("seed: " + "[" * 5000, "nested too deeply"),
        ('seed: !!int ""', "is not YAML"),
        (
            "lr:\t1",
            "bad.yaml is not YAML: while scanning for the next token found character '\\t' that cannot start any "
            "token, line 1, column 4",
        ),
        ("lr: yes", "--lr is True: it takes neither yes nor no"),
        ("widths: [4, on]", "--widths is [4, True]: it takes neither"),
        ("widths: 4", "--widths is 4: it takes numbers without quotation marks, in a list such as [1, 2]"),
        ("updates: 3.5", "--updates is 3.5: it takes a whole number"),
        ("lr: fast", "--lr is 'fast': it takes a number"),
        ("overwrite: maybe", "--overwrite is 'maybe': it takes true or false"),
        ("recipe: object", "bad.yaml has the key recipe, which counts on the command line alone: leave it out"),
        ("config: other.yaml", "has the key config, which counts"),
        ("resume: true", "has the key resume, which counts"),
        ("data_dir: 5", "--data_dir is 5: it takes the path of a file or folder"),
        ('output_dir: "a\\0b"', "NUL"),
        ("a: " + "b" * 2**20, "too long for one"),
    ],
)
def test_a_bad_config_file_is_refused_in_one_sentence(text, said, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    assert said in refusal("--config", file)


@pytest.mark.parametrize(
    ("kind", "value"),
    [(config_class(), "inf"), (TransferConfig, "nan"), (StudyConfig, "1e400")],
    ids=["1", "2", "study"],
)
def test_no_setting_takes_a_number_that_is_not_finite(kind, value):
    names = {setting.name: setting.metavar for setting in settings_of(kind, kind())}
    numbers = [name for name, metavar in names.items() if metavar.partition(" ")[0] == "X"]
    assert numbers
    for name in numbers:
        assert f"--{name} " in refusal(f"--{name}", value, kind=kind)


def test_a_run_that_brings_its_encoder_and_the_name_of_one_exclude_each_other(tmp_path):
    for ours in ("ae.pth", str(tmp_path)):
        said = refusal("--pretrained_encoder", ours, "--encoder", "mobilenet_v2", kind=TransferConfig)
        assert "leave one of them out" in said


def test_evaluate_asks_for_its_model():
    assert "--model_path is missing" in refusal(kind=EvaluateConfig)


@pytest.mark.parametrize("kind", [EvaluateConfig, LookConfig], ids=["2", "1"])
def test_an_evaluation_replaces_no_page_of_a_run(kind, tmp_path):
    (tmp_path / "run.json").touch()
    said = refusal("--model_path", tmp_path, "--output_dir", tmp_path, kind=kind)
    assert "is the folder of a run, whose page this would replace: give another --output_dir" in said
    load("--model_path", tmp_path, "--output_dir", tmp_path / "new", kind=kind)


def test_what_is_found_and_what_is_compared_replace_no_page_of_a_run(tmp_path):
    (tmp_path / "run.json").touch()
    for kind, words in ((DoctorConfig, ["--data_dir", ".", "--output_dir"]), (CompareConfig, ["a", "b", "--output"])):
        assert f"give another {words[-1]}" in refusal(*words, tmp_path, kind=kind)
        load(*words, tmp_path / "new", kind=kind)


def test_without_data_the_demo_settings_are_loaded_and_it_says_so(tmp_path, capsys):
    demo = tmp_path / "demo.yaml"
    demo.write_text("epochs: 3\n")
    assert load(demo=demo).training.epochs == 3
    assert "demo.yaml" in capsys.readouterr().err
    assert load("--data_dir", tmp_path, demo=demo).training.epochs == PretrainConfig().training.epochs
    assert capsys.readouterr().err == ""


def test_a_file_of_settings_that_names_no_data_means_the_embedded_ones_and_it_says_so(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    for text, said in (("lr: 0.5\n", "no --data_dir: using the embedded data\n"), ("data_dir: pets\n", "")):
        file.write_text(text)
        load("--config", file, demo=tmp_path / "demo.yaml")
        assert capsys.readouterr().err == said
    load("--recipe", "object", demo=tmp_path / "demo.yaml")
    assert "no --data_dir" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--data_dir", "--data-dir"])
@pytest.mark.parametrize("joined", [False, True])
def test_data_in_either_spelling_keeps_the_demo_settings_away(flag, joined, tmp_path, capsys):
    demo = tmp_path / "demo.yaml"
    demo.write_text("epochs: 3\n")
    words = [f"{flag}={tmp_path}"] if joined else [flag, tmp_path]
    config = load(*words, demo=demo)
    assert (config.data.data_dir, config.training.epochs) == (tmp_path, PretrainConfig().training.epochs)
    assert capsys.readouterr().err == ""


def test_a_run_goes_on_in_either_spelling(tmp_path):
    save_config(load("--lr", 0.25), tmp_path / "config.yaml")
    assert load("--resume", "--output-dir", tmp_path).training.lr == 0.25


def test_of_a_flag_given_twice_the_last_counts(tmp_path):
    for name, rate in (("first", 0.1), ("last", 0.2)):
        (tmp_path / f"{name}.yaml").write_text(f"lr: {rate}\n")
    config = load("--config", tmp_path / "first.yaml", f"--config={tmp_path / 'last.yaml'}")
    assert (config.training.lr, config.run.config) == (0.2, tmp_path / "last.yaml")


def test_resume_starts_from_the_settings_of_the_run(tmp_path):
    save_config(load("--lr", 0.25, "--output_dir", tmp_path), tmp_path / "config.yaml")
    config = load("--resume", "--output_dir", tmp_path)
    assert config.training.lr == 0.25
    assert config.run.resume


@pytest.mark.parametrize("words", [["--config", "faster.yaml"], ["--config=faster.yaml"], ["--recipe", "distil"]])
def test_a_run_that_goes_on_takes_no_other_file_of_settings(words, tmp_path):
    save_config(load("--lr", 0.25), tmp_path / "config.yaml")
    said = refusal("--resume", "--output_dir", tmp_path, *words)
    flag = words[0].partition("=")[0]
    assert f"{flag} is for a new run: --resume goes on with the settings of {tmp_path}, leave it out" in said


@pytest.mark.parametrize("words", [["--output_dir", ""], ["--output-dir="], ["--config", "file.yaml"]])
def test_an_empty_path_is_not_the_working_folder(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file.yaml").write_text("output_dir: ''")
    with pytest.raises(UserError, match="--output_dir is empty"):
        load_config(PretrainConfig, words, prog="")


def test_a_tilde_is_the_home_folder_in_files_and_flags_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("data_dir: ~/pets\n")
    assert load("--config", "~/mine.yaml").data.data_dir == tmp_path / "pets"
    assert load("--data-dir=~/cats").data.data_dir == tmp_path / "cats"
    assert load("--data_dir", "~nobody-of-that-name/x").data.data_dir == Path("~nobody-of-that-name/x")
