#!/usr/bin/env python3
"""Makes the requests of a client that signs in by cloud Kerberos trust, as far as they can be seen on the wire.

    key_list_client.py ADDRESS REALM SERVICE

It holds no keys: what would be encrypted is random, and it takes any TGS-REP of scripted_kdc.py for what it asked for. First
the exchange of a partial ticket-granting ticket (key version of the read-only domain controller AzureADKerberos in the
upper 16 bits) with KERB-KEY-LIST-REQ for a full one (MS-KILE 2.2.11, 3.1.5.8), then a ticket for SERVICE.
"""

import datetime
import os
import socket
import sys

from scripted_kdc import (
    AES256, NT_SRV_INST, TGS_REP, TGS_REQ,
    encrypted, fields, generalized, integer, octets, pa_data, principal, read, receive, sequence, tagged, text, tlv,
)

PA_TGS_REQ, KERB_KEY_LIST_REQ, PA_PAC_OPTIONS = 1, 161, 167
AP_REQ, TICKET = 14, 1
# The number of AzureADKerberos' krbtgt account, and the version of its key.
PARTIAL_KEY_VERSION = 18432 << 16 | 1
# Forwardable, renewable, canonicalize, renewable-ok.
OPTIONS = bytes.fromhex("40810010")


def partial_ticket(realm):
    return tlv(
        0x60 | TICKET,
        sequence(
            tagged(0, integer(5)),
            tagged(1, text(realm)),
            tagged(2, principal(NT_SRV_INST, f"krbtgt/{realm}")),
            tagged(3, encrypted(420, version=PARTIAL_KEY_VERSION)),
        ),
    )


def tgs_req(realm, service, ticket, key_list):
    ap_req = sequence(
        tagged(0, integer(5)),
        tagged(1, integer(AP_REQ)),
        tagged(2, tlv(0x03, bytes(5))),
        tagged(3, ticket),
        tagged(4, encrypted(180)),
    )
    padata = [(PA_TGS_REQ, tlv(0x60 | AP_REQ, ap_req))]
    if key_list:
        padata.append((KERB_KEY_LIST_REQ, sequence(integer(AES256))))
    # Branch aware: PAC options as Windows sends them with each TGS-REQ.
    padata.append((PA_PAC_OPTIONS, sequence(tagged(0, tlv(0x03, bytes.fromhex("0040000000"))))))
    till = datetime.datetime(2037, 9, 13, 2, 48, 5)
    body = sequence(
        tagged(0, tlv(0x03, b"\0" + OPTIONS)),
        tagged(2, text(realm)),
        tagged(3, principal(NT_SRV_INST, service)),
        tagged(5, generalized(till)),
        tagged(7, integer(int.from_bytes(os.urandom(4), "big") >> 1)),
        tagged(8, sequence(integer(AES256))),
    )
    request = sequence(
        tagged(1, integer(5)), tagged(2, integer(TGS_REQ)), tagged(3, pa_data(padata)), tagged(4, body)
    )
    return tlv(0x60 | TGS_REQ, request)


def exchange(address, request):
    """The ticket of the reply, none if it is an error."""
    with socket.create_connection((address, 88)) as stream:
        stream.sendall(len(request).to_bytes(4, "big") + request)
        reply = receive(stream)
    tag, body, _ = read(reply)[0]
    return fields(read(body)[0][1])[5] if tag & 0x1F == TGS_REP else None


def main():
    address, realm, service = sys.argv[1:]
    ticket = exchange(address, tgs_req(realm, f"krbtgt/{realm}", partial_ticket(realm), key_list=True))
    if ticket is None or exchange(address, tgs_req(realm, service, ticket, key_list=False)) is None:
        sys.exit("refused")


if __name__ == "__main__":
    main()
