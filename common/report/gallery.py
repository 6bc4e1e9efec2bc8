"""A gallery: images under layers to fade or wipe, as `static/gallery.js` draws it.

The dataclasses are the contract with that script: it reads their fields by these names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal

from common.report.page import Block
from common.terminal import progress_bar

AT_ONCE = 12
"""Images that are drawn in one batch."""
MOST = 60
"""Images in a gallery, at most."""
BUDGET = 8_000_000
"""Characters that the images of a gallery may take up on a page."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One of the pictures that can lie over each image."""

    key: str
    """Its name in `Item.layers`."""
    name: str
    """Its name on the page."""
    group: str = ""
    """The heading that layers of one kind share."""
    note: str = ""
    """What is drawn, in a few words."""
    crisp: bool = False
    """Whether pixels stay sharp when enlarged, as those of masks do."""
    legend: Sequence[tuple[str, str]] = ()
    """Names and CSS colours."""


@dataclass(frozen=True)
class Order:
    """One of the orders in which the images can be arranged."""

    name: str
    key: str
    """The value in `Item.sort` by which they are arranged."""
    sign: Literal[1, -1] = 1
    """1 for the smallest first, -1 for the largest first."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One image with its layers and its figures."""

    id: str
    name: str
    badge: str
    """The figure on its card."""
    layers: Mapping[str, str]
    """Pictures as data URIs by the layer's key; "image" is the image itself."""
    sort: Mapping[str, float | str | None]
    """Values by the order's key; None stands last."""
    kinds: Sequence[int]
    """What it shows, as positions in `Gallery.kinds`."""
    figures: Sequence[Sequence[str]]
    """Rows of a table under `Gallery.figure_heads`."""
    facts: Sequence[Sequence[str]] = ()
    """Rows of a second table, without heads."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """A few words on this image's layer, by the layer's key."""
    maps: Mapping[str, str] = field(default_factory=dict)
    """Class maps as data URIs, by what they are: the pointer names the class at each pixel."""


@dataclass(frozen=True)
class Listing:
    """A file that a page offers, for which nothing is fetched: its text stands in the page."""

    name: str
    text: str
    words: str
    """What the link says."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Images with what can be done with them."""

    items: Sequence[Item]
    layers: Sequence[Layer]
    orders: Sequence[Order]
    start: str
    """The key of the layer that is shown first."""
    mode: Literal["fade", "wipe"] = "fade"
    strength: float = 0.6
    """The opacity of a layer, or the position of the wipe, from 0 to 1."""
    classes: Sequence[str] = ()
    """Names of the values in `Item.maps`."""
    kinds: Sequence[str] = ()
    """What images can be filtered by."""
    kinds_label: str = ""
    figure_heads: Sequence[str] = ()
    listing: Listing | None = None
    """A list of the images."""

    @property
    def drawn(self) -> set[str]:
        """The keys of the layers that at least one image has."""
        return {key for item in self.items for key in item.layers}

    def to_json(self) -> dict[str, Any]:
        """Lay out what the script reads; a layer that no image has is left out."""
        layers = [layer for layer in self.layers if layer.key in self.drawn]
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            **own,
            "items": [_plain(item) for item in self.items],
            "layers": [_plain(layer) for layer in layers],
            "orders": [vars(order) for order in self.orders],
            "listing": None if self.listing is None else vars(self.listing),
        }

    def block(self, note: str) -> Block:
        """The gallery as a block of a page, with a note below it."""
        return Block("gallery", "", self.to_json(), note)


def _plain(record: Item | Layer) -> dict[str, Any]:
    """The fields by name, without optional ones that are empty: a page has hundreds of them."""
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    return {each.name: values[each.name] for each in fields(record) if values[each.name] or _required(each)}


def _required(each: Field) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def fill_gallery(order: Sequence[int], draw: Callable[[Sequence[int]], Sequence[Item]]) -> list[Item]:
    """Draw the images of `order`, some at a time, until they fill a gallery's part of a page."""
    items: list[Item] = []
    used = 0
    with progress_bar("drawing images", len(order)) as done:
        for start in range(0, len(order), AT_ONCE):
            drawn = draw(order[start : start + AT_ONCE])
            for item in drawn:
                used += characters(_plain(item))
                if items and used > BUDGET:
                    return items
                items.append(item)
            done(len(drawn))
    return items


def characters(content: object) -> int:
    """Estimate the size of nested data of strings on a page, in characters."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(characters(value) + 8 for value in content.values())
    if isinstance(content, list | tuple):
        return sum(characters(value) + 2 for value in content)
    return 8
