"""The program of a pod: reads the whole model, says what it is, and serves until it is told to stop."""

import errno
import hashlib
import os
import signal
import sys
import time

MODEL = "/opt/model"


def say(line):
    print(line, flush=True)


def read_model():
    for directory, _, names in sorted(os.walk(MODEL)):
        for name in sorted(names):
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            say(f"{os.path.relpath(path, MODEL)} {digest}")


def read_for_ever():
    say("reading")
    while True:
        try:
            with open(f"{MODEL}/weights", "rb") as file:
                while file.read(1 << 20):
                    pass
        except OSError as error:
            say(f"failed with {errno.errorcode[error.errno]}")
            sys.exit(3)


def write_until_told():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    with open(f"{MODEL}/{os.environ['RESULT']}", "wb") as file:
        written = 0
        while not stop or written < 32:
            file.write(bytes([written % 251]) * (1 << 20))
            written += 1
            if written == 8:
                say("writing")
            time.sleep(0.01)
    say(f"wrote {written}")


if __name__ == "__main__":
    {"read": read_model, "loop": read_for_ever, "write": write_until_told}[sys.argv[1]]()
