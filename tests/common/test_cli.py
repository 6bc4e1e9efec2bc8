"""What surrounds every command."""

import subprocess
import sys

from common.cli import command

CODE = """
import sys

from common.cli import command
from common.cli import command

@command()
def main(argv):
    sys.stdin.readline()
    print("nobody reads this", flush=True)

sys.exit(main())
"""


def test_a_reader_that_goes_away_ends_a_command_without_a_traceback():
    pipe = subprocess.PIPE
    call = [sys.executable, "-c", CODE]
    with subprocess.Popen(call, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate("\n")
    assert said == ""
    assert process.returncode == 141


def test_a_command_may_return_its_own_exit_code():
    assert command()(lambda argv: len(argv))(["a"]) == 1
    assert command()(lambda _: None)(["a"]) == 0
