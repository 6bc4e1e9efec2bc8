"""Masks that keep the place on earth of their images."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from warnings import simplefilter

from PIL import Image

from common.colours import UNLABELLED
from common.data.classes import IGNORE
from common.data.opened import REFUSED_BY_PILLOW
from common.errors import UserError
from transfer.predict.formats.outline import Ring, area_of, polygons_of
from transfer.predict.formats.pictures import colour_table
from transfer.predict.formats.result import FileEach, Result
from transfer.predict.objects import Part

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

RASTERIO = find_spec("rasterio") is not None
"""Whether the package is there that reads and writes places on earth."""
HOW = "pip install 'recon2seg[geo]'"
SUFFIXES = (".tif", ".tiff")
PIXEL_SCALE, TRANSFORM = 33550, 34264
"""TIFF's tags of a place on earth, of which a file has one."""


class Place(NamedTuple):
    """Where an image lies on earth."""

    crs: "CRS | None"
    transform: "Affine"
    """From pixels, counted from the left and from the top, to that system of coordinates."""


def place_of(image: Path) -> Place | None:
    """Where an image lies on earth; None where its file does not say, and without rasterio."""
    if not RASTERIO or not has_place(image):
        return None
    import rasterio  # now: an optional package

    with rasterio.open(image) as file:
        return Place(file.crs, file.transform)


def has_place(image: Path) -> bool:
    """Whether a file says where on earth its image lies."""
    if not image.name.lower().endswith(SUFFIXES):
        return False
    try:
        with Image.open(image) as file:
            return bool({PIXEL_SCALE, TRANSFORM} & set(getattr(file, "tag_v2", ())))
    except REFUSED_BY_PILLOW:
        return False


@dataclass(frozen=True)
class GeoTiff(FileEach):
    """TIFF of class numbers with the place on earth of its image; 255 is no data. Needs rasterio."""

    folder, suffix = "geotiff", ".tif"

    def __post_init__(self) -> None:
        if not RASTERIO:
            raise UserError(f"--format geotiff needs the package rasterio: {HOW}")
        from rasterio.errors import NotGeoreferencedWarning  # now: an optional package

        simplefilter("ignore", NotGeoreferencedWarning)  # for good: files are written by threads, which share filters

    def write(self, result: Result, path: Path) -> None:
        """Compressed, in blocks; an image without a place gives a TIFF without one."""
        import rasterio

        (height, width), place = result.mask.shape, place_of(result.photo.sample.image)
        where = {} if place is None else place._asdict()
        shape = {"height": height, "width": width, "count": 1, "dtype": "uint8", "nodata": IGNORE}
        with rasterio.open(path, "w", driver="GTiff", compress="deflate", tiled=True, **shape, **where) as file:
            file.write(result.mask, 1)
            file.write_colormap(1, self._colours())

    def _colours(self) -> dict[int, tuple[int, ...]]:
        table = dict(enumerate(map(tuple, colour_table(len(self.names))[: len(self.names)].tolist())))
        return {**table, IGNORE: UNLABELLED}


class GeoJson(FileEach):
    """The outlines of an image's parts, along the edges of pixels, with class, area in pixels and score.

    Coordinates are pixels from the left and from the top; of an image with a place on earth they are those of its own
    system, which the file names as GDAL does.

    Source: RFC 7946; of other systems than longitude and latitude, the GeoJSON format specification of 2008, section 3.
    """

    folder, suffix, scored = "geojson", ".geojson", True

    def write(self, result: Result, path: Path) -> None:
        """One feature for each part; pixels that touch at corners alone are polygons of one."""
        place = place_of(result.photo.sample.image)
        features = [
            {
                "type": "Feature",
                "properties": {
                    "class": self.names[part.kind],
                    "pixels": part.area,
                    "score": result.sureness(part, shape),
                },
                "geometry": _geometry([[_placed(ring, part, place) for ring in rings] for rings in polygons_of(shape)]),
            }
            for part, shape in result.shapes
        ]
        content = {"type": "FeatureCollection", **_system(place), "features": features}
        path.write_text(json.dumps(content, separators=(",", ":")), encoding="ascii")


def _system(place: Place | None) -> dict[str, Any]:
    epsg = None if place is None or place.crs is None else place.crs.to_epsg()
    if place is None or place.crs is None:
        return {}
    name = f"urn:ogc:def:crs:EPSG::{epsg}" if epsg else place.crs.to_wkt()
    return {"crs": {"type": "name", "properties": {"name": name}}}


def _placed(ring: Ring, part: Part, place: Place | None) -> list[list[float]]:
    """A ring as GeoJSON has it: closed, and the outer one counterclockwise where y grows upwards."""
    inside = [(x + part.left, y + part.top) for x, y in ring]
    points = inside if place is None else [place.transform @ point for point in inside]
    turned = (area_of(ring) > 0) != (area_of(points) > 0)
    ordered = [points[0], *reversed(points[1:])] if turned else points
    return [list(point) for point in (*ordered, ordered[0])]


def _geometry(polygons: list[list[list[list[float]]]]) -> dict[str, Any]:
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}
