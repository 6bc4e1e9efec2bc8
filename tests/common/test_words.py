"""Numbers with their nouns."""

import re
from pathlib import Path

import pytest

from common.words import counted

ROOT = Path(__file__).resolve().parents[2]
NOUNS = "epochs|updates|images|seeds|folds|trainings|trials|runs|points|networks|minutes|labels"


@pytest.mark.parametrize(
    ("number", "noun", "verb", "said"),
    [
        (1, "epoch", "", "1 epoch"), (0, "epoch", "", "0 epochs"), (1204, "update", "", "1,204 updates"),
        (1, "class", "", "1 class"), (3, "class", "", "3 classes"), (2.5, "minute", "", "2.5 minutes"),
        (1.0, "minute", "", "1 minute"), (1, "image", "is", "1 image is"), (2, "image", "is", "2 images are"),
        (1, "update", "was", "1 update was"), (2, "update", "was", "2 updates were"),
    ],
)  # fmt: skip
def test_a_noun_and_its_verb_agree_with_the_number(number, noun, verb, said):
    assert counted(number, noun, verb) == said


def test_no_sentence_puts_a_number_before_a_plural_by_itself():
    plain = re.compile(
        rf"\{{(?:len|sum|self\.\w+|\w*epochs|\w*count|total|updates)[^{{}}]*\}} (?:\w+ )?(?:{NOUNS})\b(?!/)"
    )
    sources = [path for part in ("common", "pretrain", "transfer") for path in (ROOT / part).rglob("*.py")]
    found = {str(path): plain.findall(path.read_text()) for path in sources}
    assert {name: lines for name, lines in found.items() if lines} == {}
