#!/usr/bin/env python3
"""A KDC that answers as a script says, so that real clients meet answers which no KDC of the lab gives by itself.

    scripted_kdc.py SCRIPT.toml ADDRESS [BACKEND-ADDRESS BACKEND-PORT]

It listens on port 88 of ADDRESS, UDP and TCP. A script is a list of [[answer]] tables; to each request the first that
fits is given. What none fits goes to the KDC behind, whose reply is passed on as it is (without one: silence).

What a request must be, all keys optional:
  stage = "as" | "tgs"      client = "alice"       service = "krbtgt/CORP.EXAMPLE"     transport = "udp" | "tcp"
  padata = [16]             these types are in it           without = [16, 2]          and none of these
  times = 1                 the answer is given so often, then the next that fits

What is done, one of:
  error = 18                KRB-ERROR, with
      status = 0xc0000072, flags = 1    KERB-ERROR-DATA of type 3 (MS-KILE 2.2.1, 2.2.2); flags: 1, to a TGS-REQ 3
      skew = true                       KERB-ERROR-DATA of type 2, clock skew recovery
      hints = true                      METHOD-DATA as Windows lists it: 19, 2, 16, 15
      padata_hex = { 150 = "0000" }     METHOD-DATA with these (after the hints)
      granted = [17]                    METHOD-DATA with what the KDC behind grants the same request
      typed = [109]                     TYPED-DATA: 104 TD-TRUSTED-CERTIFIERS, 105 TD-INVALID-CERTIFICATES,
                                        109 TD-DH-PARAMETERS, 111 TD-CMS-DIGEST-ALGORITHMS
      text, client_realm, clock         e-text, crealm, seconds that stime is off
  ticket = true             a TGS-REP in which all that is encrypted is random: for clients that hold no key
  silence = true            nothing
  delay = 1.5               seconds to wait before any of these
"""

import datetime
import os
import selectors
import socket
import struct
import sys
import threading
import time
import tomllib

# RFC 3526, group 14: what a KDC that wants 2048 bits proposes.
GROUP_14 = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
DH_PUBLIC_NUMBER = "1.2.840.10046.2.1"
SHA_2 = ["2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3"]
COMMON_NAME, DOMAIN_COMPONENT = "2.5.4.3", "0.9.2342.19200300.100.1.25"
AES256, PA_ETYPE_INFO2, PA_PK_AS_REQ = 18, 19, 16
AS_REQ, AS_REP, TGS_REQ, TGS_REP, KRB_ERROR = 10, 11, 12, 13, 30
NT_PRINCIPAL, NT_SRV_INST = 1, 2


# DER, as much as Kerberos needs.


def tlv(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def sequence(*parts):
    return tlv(0x30, *parts)


def tagged(number, *parts):
    return tlv(0xA0 | number, *parts)


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octets(value):
    return tlv(0x04, value)


def text(value):
    return tlv(0x1B, value.encode())


def oid(dotted):
    first, second, *rest = map(int, dotted.split("."))
    body = b""
    for number in [first * 40 + second, *rest]:
        group = [number & 0x7F]
        while number := number >> 7:
            group.insert(0, 0x80 | number & 0x7F)
        body += bytes(group)
    return tlv(0x06, body)


def read(data):
    """The elements of a DER string: (tag, body, whole)."""
    found = []
    while data:
        size, start = data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
        found.append((data[0], data[start : start + size], data[: start + size]))
        data = data[start + size :]
    return found


def fields(body):
    """The tagged fields of a SEQUENCE: number to what stands inside."""
    return {tag & 0x1F: inside for tag, inside, _ in read(body)}


def number(der):
    return int.from_bytes(read(der)[0][1], "big", signed=True)


def name(der):
    """The components of a PrincipalName, joined."""
    parts = fields(read(der)[0][1])[1]
    return "/".join(part.decode(errors="replace") for _, part, _ in read(read(parts)[0][1]))


def padata(message):
    """Type to value of a KDC-REQ's or KDC-REP's padata."""
    entries = [fields(entry) for _, entry, _ in read(read(message)[0][1])] if message else []
    return {number(entry[1]): read(entry[2])[0][1] for entry in entries}


def principal(kind, value):
    parts = [text(part) for part in value.split("/")]
    return sequence(tagged(0, integer(kind)), tagged(1, sequence(*parts)))


def pa_data(entries):
    return sequence(*[sequence(tagged(1, integer(kind)), tagged(2, octets(value))) for kind, value in entries])


class Request:
    def __init__(self, message, transport):
        self.message, self.transport = message, transport
        tag, body, _ = read(message)[0]
        kdc_req = fields(read(body)[0][1])
        self.stage = {AS_REQ: "as", TGS_REQ: "tgs"}[tag & 0x1F]
        self.padata = padata(kdc_req.get(3))
        req_body = fields(read(kdc_req[4])[0][1])
        self.client = name(req_body[1]) if 1 in req_body else None
        self.realm = read(req_body[2])[0][1].decode(errors="replace")
        self.service = name(req_body[3])

    def fits(self, answer):
        return (
            answer.get("stage", self.stage) == self.stage
            and answer.get("client", self.client) == self.client
            and answer.get("service", self.service) == self.service
            and answer.get("transport", self.transport) == self.transport
            and all(kind in self.padata for kind in answer.get("padata", []))
            and not any(kind in self.padata for kind in answer.get("without", []))
        )

    def certificate(self):
        """Issuer and serial number, as DER, of the first certificate in the PKINIT request."""
        signed = fields(read(self.padata[PA_PK_AS_REQ])[0][1])[0]
        content_info = read(read(signed)[0][1])
        signed_data = read(read(content_info[1][1])[0][1])
        certificates = next(body for tag, body, _ in signed_data if tag == 0xA0)
        tbs = read(read(read(certificates)[0][1])[0][1])
        return tbs[3][2], tbs[1][2]


def distinguished_name(*parts):
    kinds = {COMMON_NAME: 0x0C, DOMAIN_COMPONENT: 0x16}
    return sequence(*[tlv(0x31, sequence(oid(kind), tlv(kinds[kind], value.encode()))) for kind, value in parts])


def typed_value(kind, request):
    if kind == 104:
        # ExternalPrincipalIdentifier with subjectName: the CA that the KDC trusts, which is not the client's.
        ca = distinguished_name((DOMAIN_COMPONENT, "example"), (DOMAIN_COMPONENT, "corp"), (COMMON_NAME, "Lab Root CA"))
        return sequence(sequence(tlv(0x80, ca)))
    if kind == 105:
        return sequence(sequence(tlv(0x81, sequence(*request.certificate()))))
    if kind == 109:
        parameters = sequence(integer(GROUP_14), integer(2), integer((GROUP_14 - 1) // 2))
        return sequence(sequence(oid(DH_PUBLIC_NUMBER), parameters))
    if kind == 111:
        return sequence(*[sequence(oid(digest)) for digest in SHA_2])
    raise ValueError(f"no content for TYPED-DATA {kind}")


def error_data(answer, request, backend):
    """The e-data of an answer, or none."""
    if "status" in answer:
        flags = answer.get("flags", 1 if request.stage == "as" else 3)
        value = struct.pack("<III", answer["status"], 0, flags)
        return sequence(tagged(1, integer(3)), tagged(2, octets(value)))
    if answer.get("skew"):
        return sequence(tagged(1, integer(2)))
    if "typed" in answer:
        entries = [(kind, typed_value(kind, request)) for kind in answer["typed"]]
        return sequence(*[sequence(tagged(0, integer(kind)), tagged(1, octets(value))) for kind, value in entries])
    entries = []
    if answer.get("hints"):
        salt = request.realm + (request.client or "")
        info = sequence(sequence(tagged(0, integer(AES256)), tagged(1, text(salt))))
        entries += [(PA_ETYPE_INFO2, info), (2, b""), (PA_PK_AS_REQ, b""), (15, b"")]
    entries += [(int(kind), bytes.fromhex(value)) for kind, value in answer.get("padata_hex", {}).items()]
    if "granted" in answer:
        reply = fields(read(read(ask(backend, request.message))[0][1])[0][1])
        given = padata(reply[2])
        entries += [(kind, given[kind]) for kind in answer["granted"]]
    return pa_data(entries) if entries else None


def generalized(moment):
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def krb_error(answer, request, backend):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=answer.get("clock", 0))
    parts = [
        tagged(0, integer(5)),
        tagged(1, integer(KRB_ERROR)),
        tagged(4, generalized(now)),
        tagged(5, integer(now.microsecond)),
        tagged(6, integer(answer["error"])),
    ]
    if "client_realm" in answer:
        parts += [tagged(7, text(answer["client_realm"])), tagged(8, principal(NT_PRINCIPAL, request.client))]
    parts += [tagged(9, text(request.realm)), tagged(10, principal(NT_SRV_INST, request.service))]
    if "text" in answer:
        parts.append(tagged(11, text(answer["text"])))
    if data := error_data(answer, request, backend):
        parts.append(tagged(12, octets(data)))
    return tlv(0x60 | KRB_ERROR, sequence(*parts))


def encrypted(size, version=None):
    parts = [tagged(0, integer(AES256))]
    if version is not None:
        parts.append(tagged(1, integer(version)))
    return sequence(*parts, tagged(2, octets(os.urandom(size))))


def tgs_rep(request):
    ticket = sequence(
        tagged(0, integer(5)),
        tagged(1, text(request.realm)),
        tagged(2, principal(NT_SRV_INST, request.service)),
        tagged(3, encrypted(900, version=2)),
    )
    parts = [
        tagged(0, integer(5)),
        tagged(1, integer(TGS_REP)),
        tagged(3, text(request.realm)),
        tagged(4, principal(NT_PRINCIPAL, request.client or "alice")),
        tagged(5, tlv(0x61, ticket)),
        tagged(6, encrypted(240)),
    ]
    return tlv(0x60 | TGS_REP, sequence(*parts))


def receive(stream):
    """One message of a TCP connection; none when it ends."""
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        more = stream.recv(65536)
        if not more:
            return None
        data += more
    return data[4:]


def ask(backend, message):
    with socket.create_connection(backend) as stream:
        stream.sendall(len(message).to_bytes(4, "big") + message)
        return receive(stream)


class Kdc:
    def __init__(self, script, backend):
        self.answers, self.backend, self.lock = script["answer"], backend, threading.Lock()

    def choose(self, request):
        with self.lock:
            for answer in self.answers:
                if answer.get("times") != 0 and request.fits(answer):
                    if "times" in answer:
                        answer["times"] -= 1
                    return answer
        return None

    def reply(self, message, transport):
        request = Request(message, transport)
        answer = self.choose(request)
        if answer is None:
            return ask(self.backend, message) if self.backend else None
        time.sleep(answer.get("delay", 0))
        if "error" in answer:
            return krb_error(answer, request, self.backend)
        if answer.get("ticket"):
            return tgs_rep(request)
        if answer.get("silence"):
            return None
        return ask(self.backend, message)

    def datagram(self, server, message, sender):
        if reply := self.reply(message, "udp"):
            server.sendto(reply, sender)

    def stream(self, stream):
        with stream:
            while message := receive(stream):
                if reply := self.reply(message, "tcp"):
                    stream.sendall(len(reply).to_bytes(4, "big") + reply)

    def serve(self, address):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((address, 88))
        tcp = socket.create_server((address, 88))
        waiting = selectors.DefaultSelector()
        waiting.register(udp, selectors.EVENT_READ)
        waiting.register(tcp, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is udp:
                    work = self.datagram, (udp, *udp.recvfrom(65536))
                else:
                    work = self.stream, (tcp.accept()[0],)
                threading.Thread(target=work[0], args=work[1], daemon=True).start()


def main():
    path, address, *behind = sys.argv[1:]
    with open(path, "rb") as file:
        script = tomllib.load(file)
    Kdc(script, (behind[0], int(behind[1])) if behind else None).serve(address)


if __name__ == "__main__":
    main()
