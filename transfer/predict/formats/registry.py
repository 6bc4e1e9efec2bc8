"""The kinds of files that --format names: to add one, write its class and its entry here."""

from common.registered import Registered

PICTURES = "transfer.predict.formats.pictures"
FORMATS: dict[str, Registered] = {
    "palette": Registered(f"{PICTURES}:Palette", "masks/: PNG of class numbers, shown in the colours of the classes"),
    "index": Registered(f"{PICTURES}:Index", "index/: grey PNG of class numbers"),
    "255": Registered(f"{PICTURES}:BlackAndWhite", "255/: grey PNG of 0 and 255, for a background and one class"),
    "rgba": Registered(f"{PICTURES}:Rgba", "rgba/: PNG of the classes in their colours, the background clear"),
    "npz": Registered(f"{PICTURES}:Npz", "npz/: NumPy, the mask and the names of the classes"),
}
"""By the name that is typed. None of them is loaded before it is used."""
