"""The kinds of files that --format names: to add one, write its class and its entry here."""

from common.registered import Registered

TOOLS = "transfer.predict.formats"
PICTURES, GEO = f"{TOOLS}.pictures", f"{TOOLS}.geo"
FORMATS: dict[str, Registered] = {
    "palette": Registered(f"{PICTURES}:Palette", "masks/: PNG of class numbers, shown in the colours of the classes"),
    "index": Registered(f"{PICTURES}:Index", "index/: grey PNG of class numbers"),
    "255": Registered(f"{PICTURES}:BlackAndWhite", "255/: grey PNG of 0 and 255, for a background and one class"),
    "rgba": Registered(f"{PICTURES}:Rgba", "rgba/: PNG of the classes in their colours, the background clear"),
    "npz": Registered(f"{PICTURES}:Npz", "npz/: NumPy, the mask and the names of the classes"),
    "geotiff": Registered(f"{GEO}:GeoTiff", "geotiff/: TIFF of class numbers, with the place on earth of its image"),
    "geojson": Registered(f"{GEO}:GeoJson", "geojson/: the outlines of parts as polygons, in pixels or on earth"),
    "coco": Registered(f"{TOOLS}.coco:Coco", "coco.json: every part with its class and score, for pycocotools"),
    "labelstudio": Registered(f"{TOOLS}.labelstudio:LabelStudio", "labelstudio.json: drafts for annotators"),
    "cvat": Registered(f"{TOOLS}.cvat:Cvat", "cvat.xml: drafts for annotators, as CVAT for images 1.1"),
}
"""By the name that is typed. None of them is loaded before it is used."""
