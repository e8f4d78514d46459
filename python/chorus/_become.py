"""Becomes a program that is killed when the process that started it ends, however it ends.

usage: _become.py PARENT PROGRAM [ARGUMENT...]; PARENT is the number of that process.
"""
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # It ended before prctl.
        sys.exit(127)
    os.execv(sys.argv[2], sys.argv[2:])
