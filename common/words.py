"""Numbers with their nouns."""

OF_SEVERAL = {
    "is": "are", "was": "were", "has": "have", "holds": "hold", "leaves": "leave",
    "shows": "show", "tells": "tell", "fits": "fit", "ignores": "ignore",
}  # fmt: skip
"""Verbs of one thing, and of several."""


def counted(number: float, noun: str, verb: str = "") -> str:
    """A number, its noun and its verb: "1 epoch", "1,204 epochs", "0 images are", "2 classes", "2.5 minutes"."""
    form = ",d" if isinstance(number, int) else "g"
    if number != 1:
        noun, verb = noun + ("es" if noun.endswith("s") else "s"), OF_SEVERAL.get(verb, verb)
    return f"{number:{form}} {noun} {verb}".rstrip()
