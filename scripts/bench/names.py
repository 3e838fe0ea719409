"""A name server for one name, which exists from the moment that is told."""

import socket
import struct
import threading


class Names(threading.Thread):
    """Answers on UDP port 53 of its own loopback address; A records only."""

    ADDRESS = "127.77.0.53"

    # What a question is answered with before: a code (RFC 1035, 4.1.1), or nothing.
    NXDOMAIN, SERVFAIL, SILENT = 3, 2, None

    def __init__(self):
        super().__init__(daemon=True)
        self.exists = False
        self.before = self.NXDOMAIN
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.ADDRESS, 53))
        self.start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(512)
            if self.exists or self.before is not self.SILENT:
                self.socket.sendto(answer(query, self.exists, self.before), sender)


def answer(query, exists, before):
    """A failure, or 127.0.0.1 for type A and no record for other types (RFC 1035, 4.1)."""
    end = query.index(b"\0", 12) + 5  # the name, its type and class
    question, kind = query[12:end], struct.unpack("!H", query[end - 4 : end - 2])[0]
    found = exists and kind == 1
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + bytes([127, 0, 0, 1]) if found else b""
    flags = 0x8580 if exists else 0x8580 | before
    return query[:2] + struct.pack("!HHHHH", flags, 1, found, 0, 0) + question + record
