"""What a user can put right."""

import errno

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the operating system says when a file can't grow."""


class UserError(Exception):
    """Something the user can put right, as one sentence: what we got, what we wanted, what to do.

    Commands print it without a traceback and exit with code 2.
    """


class DivergedError(UserError):
    """The loss stopped being a number; raised before the optimizer moves."""
