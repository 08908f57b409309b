"""Processes that end at once where anything in them, C++ too, asks for a socket of the internet."""

import ctypes
import platform
import signal
import struct
import sys

SOCKET = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""The processor's number in audits, and the number of the system call `socket`, by machine."""
CAN = sys.platform == "linux" and platform.machine() in SOCKET
CAUGHT = -signal.SIGSYS if CAN else 0
"""The exit status of a process that has asked."""

LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of BPF programs, see linux/filter.h
ALLOW, KILL = 0x7FFF0000, 0x80000000
NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2  # of prctl
INTERNET = (2, 10)  # AF_INET and AF_INET6


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]  # as ctypes wants it


def forbid_the_internet() -> None:
    """Have this process, and those that it starts, killed by SIGSYS where one asks for a socket of the internet.

    Unlike an audit hook of Python it sees what libraries in C and C++ do: a filter of system calls (seccomp).
    """
    architecture, number = SOCKET[platform.machine()]
    # struct seccomp_data: number at 0, architecture at 4, the first argument (the family) at 16
    steps = [
        (LOAD, 0, 0, 4), (JUMP_IF_EQUAL, 0, 5, architecture),
        (LOAD, 0, 0, 0), (JUMP_IF_EQUAL, 0, 3, number),
        (LOAD, 0, 0, 16), (JUMP_IF_EQUAL, 2, 0, INTERNET[0]), (JUMP_IF_EQUAL, 1, 0, INTERNET[1]),
        (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, KILL),
    ]  # fmt: skip
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program, libc = _Program(len(steps), code), ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0):
        raise OSError(ctypes.get_errno(), "the filter is not taken")


if __name__ == "__main__":
    import runpy

    forbid_the_internet()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
