"""The checker that executes annotations in the tests: beartype, with an int accepted for a float."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
