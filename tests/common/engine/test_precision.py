"""Which number format a run computes in, and what it says of it."""

import pytest
import torch

from common.config.groups import RunConfig
from common.engine import precision
from common.engine.precision import bf16_gain, is_faster, make_precision

CPU = torch.device("cpu")


def capable(monkeypatch, *units, gain: float = 2.0):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(units, True))
    monkeypatch.setattr(precision, "bf16_gain", lambda: gain)


@pytest.mark.parametrize(
    ("units", "settings", "form"),
    [
        ([], {}, "fp32"),
        (["avx512_bf16"], {}, "fp32"),
        ([], {"amp": True}, "fp32"),
        (["amx_bf16"], {"amp": True}, "bf16"),
        (["bf16"], {"amp": True}, "bf16"),
        ([], {"precision": "bf16"}, "bf16"),
        (["avx512_bf16"], {"precision": "fp32", "amp": True}, "fp32"),
        ([], {"precision": "fp32", "amp": True, "amp_dtype": "fp16"}, "fp32"),
    ],
)
def test_mixed_precision_is_taken_where_there_are_units_for_it_or_it_is_insisted_on(units, settings, form, monkeypatch):
    capable(monkeypatch, *units)
    assert make_precision(RunConfig(device="cpu", **settings)).form == form


@pytest.mark.parametrize(
    ("units", "settings", "sentence"),
    [
        (["avx512_bf16"], {}, "this device is faster in bf16: --precision bf16"),
        ([], {"amp": True}, "--precision bf16 insists"),
        ([], {"precision": "bf16"}, "slower in bf16 than in fp32"),
    ],
)
def test_what_is_faster_is_said(units, settings, sentence, monkeypatch, capsys):
    capable(monkeypatch, *units)
    make_precision(RunConfig(device="cpu", **settings))
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("units", "settings"), [([], {}), (["amx_bf16"], {"amp": True}), (["amx_bf16"], {"precision": "fp32"})]
)
def test_nothing_is_said_of_what_is_as_expected(units, settings, monkeypatch, capsys):
    capable(monkeypatch, *units)
    make_precision(RunConfig(device="cpu", **settings))
    assert capsys.readouterr().err == ""


def test_a_cpu_is_never_faster_in_fp16(monkeypatch):
    capable(monkeypatch, "avx512_bf16", "amx_fp16")
    assert is_faster(CPU, "bf16")
    assert not is_faster(CPU, "fp16")


def test_units_that_are_slower_than_fp32_are_not_taken_and_not_recommended(monkeypatch, capsys):
    capable(monkeypatch, "avx512_bf16", gain=0.6)
    assert make_precision(RunConfig(device="cpu")).form == "fp32"
    assert capsys.readouterr().err == ""
    assert make_precision(RunConfig(device="cpu", amp=True)).form == "fp32"
    assert "not faster in bf16" in capsys.readouterr().err


def test_the_gain_of_bf16_is_a_ratio_that_is_timed_once():
    assert 0 < bf16_gain() < 100
    assert bf16_gain() == bf16_gain()


@pytest.mark.parametrize(
    ("settings", "goes_on", "said"),
    [({"amp": True}, "bf16", ""), ({"precision": "fp32"}, "fp32", "began in bf16 and goes on in fp32")],
)
def test_a_run_goes_on_in_the_format_it_began_in_unless_another_is_asked_for(
    settings, goes_on, said, monkeypatch, capsys
):
    capable(monkeypatch)  # with no units
    resumed = make_precision(RunConfig(device="cpu", **settings))
    capsys.readouterr()
    resumed.resume("bf16")
    assert resumed.form == goes_on
    assert said in capsys.readouterr().err


def test_a_cpu_does_not_go_on_in_fp16(capsys):
    resumed = make_precision(RunConfig(device="cpu"))
    resumed.resume("fp16")
    assert resumed.form == "fp32"
    assert "began in fp16 and goes on in fp32" in capsys.readouterr().err
