"""``die_with_parent.py <parent pid> <command...>`` becomes the command, killed when the parent dies.

A JVM must not outlive a pytest that was killed. Linux has a signal for that (``PR_SET_PDEATHSIG``, kept
across exec); elsewhere the owner's own clean-up has to do. A script instead of ``preexec_fn`` because the
latter forks a process full of librdkafka threads, which Python 3.12 warns about.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
