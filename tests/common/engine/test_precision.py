"""Which number format a run computes in, and what it says of it."""

import pytest
import torch

from common.config.groups import RunConfig
from common.engine.precision import has_units, make_precision

CPU = torch.device("cpu")


def capable(monkeypatch, *units):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(units, True))


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
        (["avx512_bf16"], {}, "has units for bf16: --precision bf16 is faster"),
        ([], {"amp": True}, "--precision bf16 insists"),
        ([], {"precision": "bf16"}, "imitates it"),
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


def test_every_device_has_units_for_fp32_and_no_cpu_for_fp16(monkeypatch):
    capable(monkeypatch, "avx512_bf16", "amx_fp16")
    assert has_units(CPU, "fp32")
    assert has_units(CPU, "bf16")
    assert not has_units(CPU, "fp16")
