"""Threads that read images."""

import threading

import cv2
import pytest

from common.data.parallel import map_in_order, reading_pool
from common.errors import UserError

SILENT = cv2.utils.logging.LOG_LEVEL_SILENT


def test_opencv_is_quiet_until_the_last_image_is_read_though_the_first_is_refused():
    before, refused, levels = cv2.utils.logging.getLogLevel(), threading.Event(), []

    def read(number: int) -> int:
        if number:
            refused.wait()
            levels.append(cv2.utils.logging.getLogLevel())
        return number

    def refuse_first() -> None:
        with reading_pool(2) as pool:
            next(map_in_order(pool, read, range(10), ahead=4))
            threading.Timer(0.2, refused.set).start()
            raise UserError("the first image cannot be read")

    with pytest.raises(UserError, match="the first image"):
        refuse_first()
    assert set(levels) == {SILENT}
    assert len(levels) <= 2  # those that no thread has begun are not read
    assert cv2.utils.logging.getLogLevel() == before
