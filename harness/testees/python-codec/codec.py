#!/usr/bin/python3
"""The codec in latica.py as a testee of Punchlist (spec/testee.md).

Commands come as JSON lines on the standard input, replies go to the standard output.
It opens no socket.
"""

import sys

from nacl import bindings as sodium

from latica import (
    BODIES,
    BYTE_FIELDS,
    compose,
    conclude_nat_type,
    DERIVATIONS,
    encode,
    encode_summary,
    INTEGERS,
    is_boolean,
    is_instance_of,
    is_ipv4,
    is_signature,
    is_whole_in,
    negotiate,
    PACKET_IDS,
    PUBLISH,
    QUERY,
    receive,
    Refusal,
    Rejected,
    signature,
    split,
    strategy,
    STREAM,
    Subcluster,
    summarize,
    text_kind,
    UNSIGNED,
    WIRE_VERSION,
)
from latica_json import Number, READER, read_object, write_json


class BadCommand(Refusal):
    """There is no such command, or its parameters are malformed or missing."""

    code = "bad-command"


class Unsupported(Refusal):
    """The command is known, but not to this testee."""

    code = "unsupported"


# --- testee.md: parameters -----------------------------------------------------------------
#
# Each reader takes a value out of a command and answers bad-command to a malformed one.
# testee/schema.json says what is malformed.

REQUIRED = object()


def reader(is_right, wanted, convert=lambda value: value):
    def read(value):
        if not is_right(value):
            raise BadCommand(f"here is {wanted} wanted")
        return convert(value)

    return read


def integer(least, most):
    return reader(lambda value: is_whole_in(value, least, most), f"an integer from {least} to {most}", Number.whole)


def one_of(names):
    return reader(lambda value: isinstance(value, str) and value in names, "one of " + ", ".join(names))


hex_bytes = reader(text_kind("(?:[0-9a-f]{2})*"), "an even number of lower-case hexadecimal digits", bytes.fromhex)
bytes32 = reader(text_kind("[0-9a-f]{64}"), "64 lower-case hexadecimal digits", bytes.fromhex)
prefix_digits = reader(text_kind("[0-9a-f]{0,64}"), "up to 64 lower-case hexadecimal digits")
boolean = reader(is_boolean, "true or false")
ipv4 = reader(is_ipv4, "an IPv4 literal")


def list_of(read_item):
    return reader(is_instance_of(list), "a list", lambda items: [read_item(item) for item in items])


def object_of(readers):
    """An object with these members, each with its reader and the value that it has when it is absent."""

    def read(value):
        if not isinstance(value, dict) or not value.keys() <= readers.keys():
            raise BadCommand("parameters that are not known")
        result = {}
        for name, (read_member, default) in readers.items():
            if name in value:
                result[name] = read_member(value[name])
            elif default is REQUIRED:
                raise BadCommand(f"{name} is missing")
            else:
                result[name] = default
        return result

    return read


UINT32 = integer(0, 2**32 - 1)
INTEGER_READERS = (integer(0, 255), integer(0, 65535), UINT32, UINT32, integer(-(2**31), 2**31 - 1), UINT32)
NO_BODY = object()  # a body may be null

PACKET_MEMBERS = {name: (reader, REQUIRED) for name, reader in zip(INTEGERS, INTEGER_READERS)}
PACKET_MEMBERS |= {name: (hex_bytes, REQUIRED) for name, _ in BYTE_FIELDS}
PACKET_MEMBERS["body"] = (lambda value: value, NO_BODY)


def read_packet(value):
    """Where a body stands, the message is not read: it is the body's text."""
    packet = object_of(PACKET_MEMBERS)(value)
    body = packet.pop("body")
    if body is not NO_BODY:
        packet["message"] = write_json(body).encode("ascii")
    return packet


read_answers = reader(
    lambda value: isinstance(value, list) and len(value) == 2,
    "a list of two answers",
    list_of(
        object_of(
            {
                "address": (ipv4, REQUIRED), "port": (integer(1, 65535), REQUIRED),
                "contacted": (boolean, False), "second": (boolean, False),
            }
        )
    ),
)


# --- testee.md: commands -----------------------------------------------------------------


def do_hello(_):
    return {
        "name": "python-codec",
        "version": "0.1.0",
        "wire": WIRE_VERSION,
        "classes": ["codec"],
        "capabilities": ["split", "compose", "nat-type", "negotiate"],
    }


def do_decode(given):
    packet = receive(given["datagram"])
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in packet.items()}
    is_head = packet["type"] in (PUBLISH, STREAM) and packet["index"] == 0
    body = read_object(packet["message"]) if packet["type"] in BODIES or packet["type"] == QUERY or is_head else None
    if body is not None:
        shown["body"] = body
    return {"packet": shown}


def do_packet_id(given):
    return {"packetId": PACKET_IDS[given["rule"]](given["previousId"], given["message"], given["nextId"]).hex()}


def do_sign(given):
    public, secret = sodium.crypto_sign_seed_keypair(given["signingSeed"])
    return {"usr2": public.hex(), "sig": signature(secret, given["message"][UNSIGNED:]).hex()}


def do_verify(given):
    return {"verified": is_signature(given["usr2"], given["sig"], given["message"][UNSIGNED:])}  # LAT-KEY-005


def do_summarize(given):
    summary = summarize([key.hex() for key in given["keys"]], given["prefix"])
    return {"summary": summary | {"encoded": encode_summary(summary).hex()}}


def do_split(given):
    if given["packet"]["type"] not in (PUBLISH, STREAM):
        raise Rejected("publishes and streams are split")
    return {"datagrams": [encode(packet).hex() for packet in split(given["packet"], given["ts"])]}


def do_compose(given):
    packets = []
    for datagram in given["datagrams"]:
        try:
            packets.append(receive(datagram))
        except Rejected:
            continue  # nothing of a refused datagram is acted upon (1.3)
    return {"message": compose(packets).hex()}


def do_negotiate(given):
    summaries, packets = negotiate([key.hex() for key in given["keys"]], given["summary"])
    return {"answer": {"summaries": [summary.hex() for summary in summaries], "packets": packets}}


BYTES = (hex_bytes, b"")  # an absent byte string is the empty one
KEYS = (list_of(bytes32), [])
NAT = (integer(0, 255), 0)  # 0: unknown

# What each command takes, and what it does.
COMMANDS = {
    "hello": ({}, do_hello),
    "stop": ({}, lambda given: {}),
    "decode": ({"datagram": BYTES}, do_decode),
    "encode": ({"packet": (read_packet, REQUIRED)}, lambda given: {"datagram": encode(given["packet"]).hex()}),
    "packet-id": (
        {"rule": (one_of(PACKET_IDS), REQUIRED), "previousId": BYTES, "message": BYTES, "nextId": BYTES},
        do_packet_id,
    ),
    "derive": (
        {"rule": (one_of(DERIVATIONS), REQUIRED), "message": BYTES},
        lambda given: {"value": DERIVATIONS[given["rule"]](given["message"]).hex()},
    ),
    "seal": (
        {"sharedKey": (bytes32, REQUIRED), "message": BYTES},
        lambda given: {"message": Subcluster(given["sharedKey"]).seal(given["message"]).hex()},
    ),
    "open": (
        {"sharedKey": (bytes32, REQUIRED), "message": BYTES},
        lambda given: {"message": Subcluster(given["sharedKey"]).open(given["message"]).hex()},
    ),
    "sign": ({"signingSeed": (bytes32, REQUIRED), "message": BYTES}, do_sign),
    "verify": ({"usr2": BYTES, "sig": BYTES, "message": BYTES}, do_verify),
    "strategy": ({"natType": NAT, "other": NAT}, lambda given: {"strategy": strategy(given["natType"], given["other"])}),
    "summarize": ({"keys": KEYS, "prefix": (prefix_digits, "")}, do_summarize),
    "split": ({"packet": (read_packet, REQUIRED), "ts": (integer(0, 2**53 - 1), 0)}, do_split),
    "compose": ({"datagrams": (list_of(hex_bytes), [])}, do_compose),
    "nat-type": ({"answers": (read_answers, REQUIRED)}, lambda given: {"natType": conclude_nat_type(given["answers"])}),
    "negotiate": ({"keys": KEYS, "summary": BYTES}, do_negotiate),
}

# Known to the protocol, but of class peer.
PEER_COMMANDS = {
    "start", "info", "peers", "join", "publish", "sync", "cache",
    "stream", "query", "leave", "state", "sleep", "wake",
}


# --- testee.md: lines ------------------------------------------------------------------------

LINE_LIMIT = 1_048_576  # with the newline


def read_command(line):
    """The id of a command and the command. A line without an id that can be answered is None, None."""
    try:
        command = READER.decode(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None, None
    identity = command.get("id") if isinstance(command, dict) else None
    if not is_whole_in(identity, 1, 2**53 - 1):
        return None, None
    return identity.whole(), command


def carry_out(command):
    name = command.get("do")
    if not isinstance(name, str) or not command.keys() <= {"id", "do", "with"}:
        raise BadCommand("no command")
    if name in PEER_COMMANDS:
        raise Unsupported("this testee is of class codec alone")
    if name not in COMMANDS:
        raise BadCommand(f"there is no command {name}")
    readers, do = COMMANDS[name]
    return do(object_of(readers)(command.get("with", {})))


def reply_to(identity, command):
    try:
        return {"id": identity, "ok": carry_out(command)}
    except Refusal as refusal:
        return {"id": identity, "error": {"code": refusal.code, "text": str(refusal)}}


def main():
    for line in sys.stdin.buffer:
        identity, command = read_command(line)
        if command is None:
            print("a line that is no command:", ascii(line[:80]), file=sys.stderr)
            continue
        reply = reply_to(identity, command)
        written = write_json(reply)
        if len(written) + 1 > LINE_LIMIT:
            written = write_json({"id": identity, "error": {"code": "failed", "text": "the reply is longer than a line"}})
        print(written, flush=True)
        if command.get("do") == "stop" and "ok" in reply:
            break


if __name__ == "__main__":
    main()
