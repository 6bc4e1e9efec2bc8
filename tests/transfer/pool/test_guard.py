"""Photographs that do harm are left out, once and aloud."""

from transfer.pool.guard import PATIENCE, Guard


def test_photographs_are_left_out_after_validations_in_a_row_that_are_much_lower():
    guard = Guard()
    guard.judged([0.5, 0.6], counted=False)
    for _ in range(PATIENCE - 1):
        guard.judged([0.4, 0.5], counted=True)
    guard.judged([0.58, 0.5], counted=True)  # one that is not lower begins the count anew
    for _ in range(PATIENCE - 1):
        guard.judged([0.4, 0.5], counted=True)
    assert not guard.dropped
    assert guard.alarms() == []
    guard.judged([0.4, 0.5], counted=True)
    assert guard.dropped
    [alarm] = guard.alarms()
    assert "did harm" in alarm
    assert "0.600" in alarm
    assert guard.alarms() == []


def test_a_guard_goes_on_where_it_stopped():
    guard, again = Guard(), Guard()
    guard.judged([0.5, 0.6], counted=False)
    guard.judged([0.4, 0.5], counted=True)
    again.load_state_dict(guard.state_dict())
    assert again == guard


def test_its_columns_are_network_and_teacher():
    found = Guard().judged([0.4, 0.5], counted=True)
    assert found == {"student_mean_iou": 0.4, "teacher_mean_iou": 0.5, "both_mean_iou": 0.45}
