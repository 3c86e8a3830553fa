#!/usr/bin/env python3
"""Netlogon pings (MS-ADTS 6.3.3, 6.3.5), by which Windows looks for domain controllers and no client of the lab does.

    netlogon_ping.py answer ADDRESS HOST DOMAIN OPCODE FLAGS    a domain controller: 23 (0x17) is "may be used", 24 "paused"
    netlogon_ping.py ask DOMAIN ADDRESS …                       a client, at the address FROM: pings until one answers
"""

import os
import socket
import struct
import sys

from scripted_kdc import integer, octets, read, sequence, tlv

ENUMERATED, BOOLEAN, SET = 0x0A, 0x01, 0x31
SEARCH_REQUEST, SEARCH_RESULT_ENTRY, SEARCH_RESULT_DONE = 0x63, 0x64, 0x65
AND, EQUALITY_MATCH = 0xA0, 0xA3
# NETLOGON_NT_VERSION_5, _5EX, _WITH_CLOSEST_SITE and _GC: what Windows asks for.
VERSION = struct.pack("<I", 0x16)
SECONDS_TO_WAIT = 1


def ping(number, domain):
    conditions = [("DnsDomain", domain.encode()), ("Host", b"WS1"), ("NtVer", VERSION)]
    matches = [tlv(EQUALITY_MATCH, octets(name.encode()), octets(value)) for name, value in conditions]
    search = tlv(
        SEARCH_REQUEST,
        octets(b""),
        tlv(ENUMERATED, b"\0"),
        tlv(ENUMERATED, b"\0"),
        integer(0),
        integer(0),
        tlv(BOOLEAN, b"\0"),
        tlv(AND, *matches),
        sequence(octets(b"Netlogon")),
    )
    return sequence(integer(number), search)


def dns_name(name):
    labels = [label.encode() for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def response(number, host, domain, opcode, flags):
    netbios = [domain.split(".")[0].upper(), host.split(".")[0].upper()]
    names = [domain, domain, host, *netbios, "", "Default-First-Site-Name", "Default-First-Site-Name"]
    blob = struct.pack("<HHI", opcode, 0, flags) + os.urandom(16) + b"".join(map(dns_name, names))
    blob += struct.pack("<IHH", 5, 0xFFFF, 0xFFFF)
    attribute = sequence(octets(b"Netlogon"), tlv(SET, octets(blob)))
    entry = sequence(number, tlv(SEARCH_RESULT_ENTRY, octets(b""), sequence(attribute)))
    done = tlv(SEARCH_RESULT_DONE, tlv(ENUMERATED, b"\0"), octets(b""), octets(b""))
    return entry + sequence(number, done)


def answer(address, host, domain, opcode, flags):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 389))
    while True:
        message, client = server.recvfrom(65536)
        number = read(read(message)[0][1])[0][2]
        server.sendto(response(number, host, domain, int(opcode, 0), int(flags, 0)), client)


def ask(domain, *addresses):
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((os.environ.get("FROM", ""), 0))
    client.settimeout(SECONDS_TO_WAIT)
    for number in range(1, 4):
        for address in addresses:
            client.sendto(ping(number, domain), (address, 389))
            try:
                client.recv(65536)
                return
            except TimeoutError:
                pass
    sys.exit("no domain controller answers")


if __name__ == "__main__":
    {"answer": answer, "ask": ask}[sys.argv[1]](*sys.argv[2:])
