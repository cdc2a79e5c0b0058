"""The codec of a Latica peer, wire version 6.

Written from the standard (spec/) and its vectors (vectors/) alone, by somebody who
had seen no other implementation. It is meant to be read beside the standard: its
sections follow the chapters, and comments name the requirement that a line obeys.

Python 3.11, its standard library, and PyNaCl.
"""

import hashlib
import re
import struct

from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from latica_json import Number, READER, json_text, read_object, well_formed, write_json


class Refusal(Exception):
    """Why a command isn't carried out; its code is one of those in testee.md."""


class Rejected(Refusal):
    """The codec refuses the input."""

    code = "rejected"


def sha256(data):
    return hashlib.sha256(data).digest()


# --- 1. Framing ----------------------------------------------------------------
#
# A packet is a dict: the six integers by name, the eleven byte fields as bytes.

MAGIC = bytes.fromhex("03050b11")
WIRE_VERSION = 6
UNSET = b"\x00"  # LAT-FRAME-008: on the wire an unset field is one zero byte
MESSAGE_LIMIT = 1024

PING, PONG, INTRO, JOIN, PUBLISH, STREAM, SYNC, QUERY = range(1, 9)

INTEGERS = ("type", "version", "clock", "hops", "index", "ttl")
INTEGER_LAYOUT = struct.Struct(">BHIIiI")  # big-endian, index alone is signed (1.2)

BYTE_FIELDS = (
    ("clusterId", 32),
    ("subclusterId", 32),
    ("previousId", 32),
    ("packetId", 32),
    ("nextId", 32),
    ("usr1", 32),
    ("usr2", 32),
    ("usr3", 32),
    ("usr4", 32),
    ("message", MESSAGE_LIMIT),
    ("sig", 64),
)

CLOCK_END = 2_000_000_000  # 1.4: written as 0, where deployed clocks begin again


def decode(datagram):
    """The packet that a datagram is, by the steps of 1.3."""
    if datagram[:4] != MAGIC:
        raise Rejected("no magic")  # LAT-FRAME-001; the opener ends here too (LAT-FRAME-016)
    position = 4 + INTEGER_LAYOUT.size
    if len(datagram) < position:
        raise Rejected("ends within the integers")  # LAT-FRAME-002
    packet = dict(zip(INTEGERS, INTEGER_LAYOUT.unpack_from(datagram, 4)))
    if not PING <= packet["type"] <= QUERY:
        raise Rejected("no type")  # LAT-FRAME-004

    for name, limit in BYTE_FIELDS:
        prefix = datagram[position : position + 2]
        if len(prefix) < 2:
            raise Rejected(f"ends before {name}")  # LAT-FRAME-002
        length = int.from_bytes(prefix, "big")  # zero is a length too (LAT-FRAME-007)
        if length > limit:
            raise Rejected(f"{name} is too long")  # LAT-FRAME-003
        value = datagram[position + 2 : position + 2 + length]
        if len(value) < length and name != "sig":
            raise Rejected(f"ends within {name}")  # LAT-FRAME-002
        packet[name] = value  # of a sig that is cut short, what is there (LAT-FRAME-006)
        position += 2 + length
    # What follows sig is passed over (LAT-FRAME-006).

    if packet["type"] in BODIES:
        check_body(packet["type"], packet["message"])
    return packet


def receive(datagram):
    """What a peer makes use of: the version is the receiver's to judge (LAT-FRAME-005)."""
    packet = decode(datagram)
    if packet["version"] != WIRE_VERSION:
        raise Rejected("another version")
    return packet


def encode(packet):
    """The datagram of a packet, by the steps of 1.4 (LAT-FRAME-009)."""
    if not PING <= packet["type"] <= QUERY:
        raise Rejected("no type")
    for name, limit in BYTE_FIELDS:
        if len(packet[name]) > limit:
            raise Rejected(f"{name} is too long")
    written = dict(packet)
    if written["clock"] == CLOCK_END:
        written["clock"] = 0
    if written["packetId"] == UNSET:  # unset, that is, and not one of no bytes
        written["packetId"] = control_id(written["previousId"], written["message"], written["nextId"])
    datagram = MAGIC + INTEGER_LAYOUT.pack(*[written[name] for name in INTEGERS])
    for name, _ in BYTE_FIELDS:
        datagram += len(written[name]).to_bytes(2, "big") + written[name]
    return datagram


# 1.5: the kinds of values. Patterns name ASCII digits, for "\d" has those of all scripts.

def text_kind(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_whole_in(value, least, most):
    whole = value.whole() if isinstance(value, Number) else None
    return whole is not None and least <= whole <= most


def is_nat(value):
    """5.1: a natType is valid if bits 0 and 2 are set."""
    return is_whole_in(value, 5, 2**31 - 1) and value.whole() & 5 == 5


def is_instance_of(kind):
    return lambda value: isinstance(value, kind)


DECIMAL_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
is_id = text_kind("[0-9a-fA-F]{64}")
is_hash = text_kind("[0-9a-fA-F]{40}")
is_echo = text_kind("[0-9a-fA-F]{12}")
is_echo13 = text_kind("[0-9a-fA-F]{12,13}")
is_ipv4 = text_kind(rf"{DECIMAL_BYTE}(?:\.{DECIMAL_BYTE}){{3}}")
is_port = lambda value: is_whole_in(value, 1, 65535)
is_nat_or_null = lambda value: value is None or is_nat(value)  # deployed peers that don't know their type write null
is_number = is_instance_of(Number)
is_boolean = is_instance_of(bool)
is_string = is_instance_of(str)

# 1.5: of each type the keys that are required, and all that are listed.
BODIES = {
    PING: (
        {"requesterPeerId"},
        {
            "requesterPeerId": is_id, "cacheSummaryHash": is_hash, "probeExternalPort": is_port,
            "reflectionId": is_echo, "pingId": is_echo13, "natType": is_nat_or_null, "uptime": is_number,
            "cacheSize": is_number, "isConnection": is_boolean, "isReflection": is_boolean,
            "isProbe": is_boolean, "isDebug": is_boolean, "timestamp": is_number,
        },
    ),
    PONG: (
        {"requesterPeerId", "responderPeerId"},
        {
            "requesterPeerId": is_id, "responderPeerId": is_id, "cacheSummaryHash": is_hash, "port": is_port,
            "address": is_ipv4, "uptime": is_number, "cacheSize": is_number, "natType": is_nat_or_null,
            "isReflection": is_boolean, "isConnection": is_boolean, "reflectionId": is_echo,
            "pingId": is_echo13, "isDebug": is_boolean, "isProbe": is_boolean, "rejected": is_boolean,
        },
    ),
    INTRO: (
        {"requesterPeerId", "responderPeerId", "natType", "address", "port"},
        {
            "requesterPeerId": is_id, "responderPeerId": is_id, "isRendezvous": is_boolean, "natType": is_nat,
            "address": is_ipv4, "port": is_port, "timestamp": is_number,
        },
    ),
    JOIN: (
        {"requesterPeerId", "natType", "address", "port"},
        {
            "rendezvousAddress": is_ipv4, "rendezvousPort": is_port, "rendezvousType": is_nat,
            "rendezvousPeerId": is_id, "rendezvousDeadline": is_number, "rendezvousRequesterPeerId": is_id,
            "requesterPeerId": is_id, "natType": is_nat, "address": is_ipv4, "key": is_string,
            "port": is_port, "isConnection": is_boolean,
        },
    ),
}


def check_body(packet_type, message):
    body = read_object(message)
    if body is None:
        raise Rejected("the body is no JSON object")  # LAT-FRAME-011
    required, keys = BODIES[packet_type]
    for name, value in body.items():
        if name not in keys:
            raise Rejected(f"a body of this type has no key {name!a}")  # LAT-FRAME-012
        if not keys[name](value):
            raise Rejected(f"the value of {name} is of another kind")  # LAT-FRAME-013
    if not required <= body.keys():
        raise Rejected("the body lacks a required key")  # LAT-FRAME-013


# --- 2. Identity, and messages of several packets --------------------------------

FRAGMENTS_LIMIT = 6603


def control_id(previous_id, message, next_id):
    """LAT-ID-001: each field as it is on the wire, so that unset and empty differ."""
    return sha256(previous_id + message + next_id)


def message_id(message):
    """LAT-ID-002, and of a head LAT-ID-003."""
    return sha256(message)


def fragment_id(before, message):
    """LAT-ID-003: before is the packetId of the fragment before, the head's for the first."""
    return sha256(sha256(before) + sha256(message))


PACKET_IDS = {
    "control": control_id,
    "message": lambda previous_id, message, next_id: message_id(message),
    "fragment": lambda previous_id, message, next_id: fragment_id(previous_id, message),
}


def split(packet, ts):
    """LAT-ID-004: the packets that carry a sealed message, by index."""
    message = packet["message"]
    if len(message) <= MESSAGE_LIMIT:
        whole = {"index": -1, "previousId": UNSET, "packetId": message_id(message), "nextId": UNSET}
        return [packet | whole]

    slices = [message[i : i + MESSAGE_LIMIT] for i in range(0, len(message), MESSAGE_LIMIT)]
    if len(slices) > FRAGMENTS_LIMIT:
        raise Rejected("the message is too long")
    body = {"meta": {}, "ts": ts, "size": len(message), "indexes": len(slices)}
    text = write_json(body).encode("ascii")
    head = packet | {"index": 0, "previousId": UNSET, "packetId": message_id(text), "message": text}
    packets = [head]
    for index, part in enumerate(slices, start=1):
        identity = fragment_id(packets[-1]["packetId"], part)
        packets[-1]["nextId"] = identity  # it is in no id, so it may be set afterwards
        follower = {"index": index, "previousId": head["packetId"], "packetId": identity, "message": part}
        packets.append(packet | follower)
    packets[-1]["nextId"] = UNSET
    return packets


def skip_space(text, position):
    while text[position] in " \t\n\r":
        position += 1
    return position


def members(text, position):
    """Of the object that begins at the position: name, value, and where member, value and end are. It is JSON already."""
    found = []
    position = skip_space(text, position + 1)
    while text[position] != "}":
        begin = position
        name, position = READER.raw_decode(text, begin)
        value_begin = skip_space(text, skip_space(text, position) + 1)  # beyond the colon
        value, end = READER.raw_decode(text, value_begin)
        found.append((well_formed(name), value, begin, value_begin, end))
        position = skip_space(text, end)
        if text[position] == ",":
            position = skip_space(text, position + 1)
    return found


def without_composed_ts(message):
    """2.1: the text of a head as it was before a deployed peer wrote its ts into meta; None if it has no such member."""
    if read_object(message) is None:
        return None
    text = json_text(message)
    outer = {name: (value, value_begin) for name, value, _, value_begin, _ in members(text, skip_space(text, 0))}
    ts, _ = outer.get("ts", (None, 0))
    meta, meta_begin = outer.get("meta", (None, 0))
    if not isinstance(ts, Number) or not isinstance(meta, dict):
        return None
    inner = members(text, meta_begin)
    for i in reversed(range(len(inner))):
        name, value, begin, _, end = inner[i]
        if name != "ts":
            continue
        if not isinstance(value, Number) or value.text != ts.text:
            return None
        if i > 0:
            begin = inner[i - 1][4]  # with the comma before it
        elif len(inner) > 1:
            end = inner[1][2]  # with the comma after it
        return (text[:begin] + text[end:]).encode("utf-8", "surrogateescape")
    return None


def is_answer(packet):
    """Chapter 11: a query with the ASCII 2 in usr4."""
    return packet["type"] == QUERY and packet["usr4"] == b"2"


def head_id_matches(packet):
    """2.1, rules 2 and 5 of what a packetId is compared with."""
    if packet["packetId"] == message_id(packet["message"]):
        return True
    original = without_composed_ts(packet["message"])
    if original is not None and packet["packetId"] == message_id(original):
        return True
    # A deployed encoder gives an answer this id where the application gave none.
    control = control_id(packet["previousId"], packet["message"], packet["nextId"])
    return is_answer(packet) and packet["packetId"] == control


def head_claims(packet):
    """2.3, steps 1 to 3: the size and the number of fragments, or None of what is no head."""
    if packet["type"] not in (PUBLISH, STREAM) and not is_answer(packet):
        return None
    if packet["index"] != 0 or not head_id_matches(packet):
        return None
    body = read_object(packet["message"])
    size, indexes = [body.get(name) if body else None for name in ("size", "indexes")]
    if not is_whole_in(indexes, 1, FRAGMENTS_LIMIT):
        return None
    indexes = indexes.whole()
    if not is_whole_in(size, MESSAGE_LIMIT * (indexes - 1) + 1, MESSAGE_LIMIT * indexes):
        return None
    return size.whole(), indexes


def same_stream(packet, head):
    """The same type, cluster and subcluster; unset is equal to empty."""
    alike = [packet[name] == head[name] or {packet[name], head[name]} == {b"", UNSET} for name in ("clusterId", "subclusterId")]
    return packet["type"] == head["type"] and all(alike)


def compose(packets):
    """2.3: the sealed message that the packets carry, whatever their order (LAT-ID-005)."""
    for head in packets:
        claims = head_claims(head)
        if claims is None:
            continue
        message = follow_chains(head, *claims, packets)
        if message is not None:
            return message
    raise Rejected("no message is whole")


def follow_chains(head, size, indexes, packets):
    """2.3, steps 4 to 6. Forged fragments may continue the head's chain too (LAT-ID-007), so all chains are followed."""
    candidates = {}  # by index; of those with one id and message, which a cache would hold once, the first
    for packet in packets:
        index = packet["index"]
        if not 1 <= index <= indexes:
            continue  # LAT-ID-008: one with index -1 is a message of its own
        wanted = min(MESSAGE_LIMIT, size - MESSAGE_LIMIT * (index - 1))
        if same_stream(packet, head) and packet["previousId"] == head["packetId"] and len(packet["message"]) == wanted:
            candidates.setdefault(index, {}).setdefault((packet["packetId"], packet["message"]), packet)

    chains = [(0, [head])]  # how often a nextId named what follows, and the packets
    for index in range(1, indexes + 1):
        longer = []
        for named, chain in chains:
            last = chain[-1]
            for packet in candidates.get(index, {}).values():
                if packet["packetId"] == fragment_id(last["packetId"], packet["message"]):
                    longer.append((named + (last["nextId"] == packet["packetId"]), chain + [packet]))
        chains = longer
    if not chains:
        return None
    _, best = max(chains, key=lambda entry: entry[0])  # the first of equals
    return b"".join(packet["message"] for packet in best[1:])


# --- 3. Keys, sealing, signatures ---------------------------------------------------

SIGNATURE = 64
UNSIGNED = 64  # LAT-KEY-004: the bytes of a plaintext that no author signs


class Subcluster:
    """LAT-KEY-001: the keys that follow from the 32 bytes of a shared key."""

    def __init__(self, shared_key):
        self.public, self.secret = sodium.crypto_sign_seed_keypair(shared_key)
        self.box_public = sodium.crypto_sign_ed25519_pk_to_curve25519(self.public)
        self.box_secret = sodium.crypto_sign_ed25519_sk_to_curve25519(self.secret)

    def seal(self, plaintext):
        """LAT-KEY-002: encrypted, signed and encrypted again."""
        inner = sodium.crypto_box_seal(plaintext, self.box_public)
        return sodium.crypto_box_seal(signature(self.secret, inner) + inner, self.box_public)

    def open(self, sealed):
        signed = self.open_box(sealed)
        if len(signed) <= SIGNATURE:
            raise Rejected("nothing is signed")
        s, inner = signed[:SIGNATURE], signed[SIGNATURE:]
        if not is_signature(self.public, s, inner):
            raise Rejected("the inner signature does not verify")  # LAT-KEY-003
        return self.open_box(inner)

    def open_box(self, box):
        if len(box) < sodium.crypto_box_SEALBYTES:
            raise Rejected("too short for a sealed box")
        try:
            return sodium.crypto_box_seal_open(box, self.box_public, self.box_secret)
        except CryptoError:
            raise Rejected("a sealed box does not open")


def signature(secret, message):
    return sodium.crypto_sign(message, secret)[:SIGNATURE]


def is_signature(public, s, message):
    if len(public) != 32 or len(s) != SIGNATURE:
        return False
    try:
        sodium.crypto_sign_open(s + message, public)
    except CryptoError:
        return False
    return True


def subcluster_of(message):
    if len(message) != 32:
        raise Rejected("a shared key has 32 bytes")
    return Subcluster(message)


DERIVATIONS = {
    "event": sha256,  # LAT-KEY-007
    "shared-key": lambda secret: hashlib.blake2b(secret, digest_size=32).digest(),
    "subcluster": lambda key: subcluster_of(key).public,
    "encryption": lambda key: subcluster_of(key).box_public,
}


# --- 5. NAT types, 6. Traversal -------------------------------------------------------


def conclude_nat_type(answers):
    """5.2, the conclusion from two answers of the second stage."""
    first, second = answers
    mapping = 1
    if (first["address"], first["port"]) == (second["address"], second["port"]):
        mapping |= 2  # endpoint-independent
    if any(answer["second"] and not answer["contacted"] for answer in answers):
        return mapping | 4 | 8 | 16  # everybody may send to the probe socket
    if any(answer["second"] for answer in answers):
        return mapping | 4 | 8
    return mapping | 4


# LAT-TRAV-001: by the own type, then by the other's. Every type without a name is "other", 0.
STRATEGIES = {
    31: {31: "direct", 15: "defer", 7: "defer", 5: "defer", 0: "proxy"},
    15: {31: "direct", 15: "direct", 7: "direct", 5: "direct", 0: "proxy"},
    7: {31: "direct", 15: "direct", 7: "direct", 5: "open", 0: "proxy"},
    5: {31: "direct", 15: "direct", 7: "connect", 5: "proxy", 0: "proxy"},
    0: {31: "direct", 15: "proxy", 7: "proxy", 5: "proxy", 0: "proxy"},
}


def strategy(own, other):
    row = STRATEGIES.get(own, STRATEGIES[0])
    return row.get(other, row[0])


# --- 9. Sync ----------------------------------------------------------------------------

HASH = 20
PREFIX_LIMIT = 64
DIGITS = "0123456789abcdef"


def sha1_text(parts):
    return hashlib.sha1("".join(parts).encode("ascii")).hexdigest()


def sort_buckets(keys, prefix):
    """9.1, step 1: the ids below the prefix by their next digit; an id that is the prefix is in none."""
    buckets = {}
    for key in sorted(set(keys)):
        if key.startswith(prefix) and len(key) > len(prefix):
            buckets.setdefault(key[len(prefix)], []).append(key)
    return buckets


def summarize(keys, prefix):
    """LAT-SYNC-001. Ids are hexadecimal digits here, for these are what is hashed."""
    values = {digit: sha1_text(ids) for digit, ids in sort_buckets(keys, prefix).items()}
    return {"prefix": prefix, "hash": sha1_text(values.values()), "buckets": values}


def encode_summary(summary):
    """LAT-SYNC-002."""
    prefix = summary["prefix"]
    encoded = bytes([len(prefix)]) + bytes.fromhex("0" * (len(prefix) % 2) + prefix)
    encoded += bytes.fromhex(summary["hash"])
    for digit, value in summary["buckets"].items():
        encoded += bytes([int(digit, 16)]) + bytes.fromhex(value)
    return encoded


def decode_summary(encoded):
    if not encoded or encoded[0] > PREFIX_LIMIT:
        raise Rejected("no prefix")
    length = encoded[0]
    hash_begin = 1 + (length + 1) // 2
    buckets_begin = hash_begin + HASH
    if len(encoded) < buckets_begin or (len(encoded) - buckets_begin) % (1 + HASH) != 0:
        raise Rejected("a summary of another length")
    padded = encoded[1:hash_begin].hex()  # a digit that pads may be any
    buckets = {}  # in any order; of a digit that is there twice the last counts (9.1)
    for position in range(buckets_begin, len(encoded), 1 + HASH):
        digit = encoded[position]
        if digit >= len(DIGITS):
            raise Rejected("a bucket of no digit")
        buckets[DIGITS[digit]] = encoded[position + 1 : position + 1 + HASH].hex()
    if length == PREFIX_LIMIT and buckets:
        raise Rejected("no id is below a whole id")
    return {"prefix": padded[length % 2 :], "hash": encoded[buckets_begin - HASH : buckets_begin].hex(), "buckets": buckets}


def negotiate(keys, encoded):
    """9.2: what answers a summary, each packet once (LAT-SYNC-011)."""
    theirs = decode_summary(encoded)
    prefix = theirs["prefix"]
    own = summarize(keys, prefix)
    summaries, packets = [], []
    if own["hash"] == theirs["hash"]:
        return summaries, packets  # LAT-SYNC-004
    ids = sort_buckets(keys, prefix)
    for digit in DIGITS:  # LAT-SYNC-005
        if digit in theirs["buckets"]:
            if own["buckets"].get(digit) != theirs["buckets"][digit]:
                summaries.append(encode_summary(summarize(keys, prefix + digit)))
        else:
            packets.extend(ids.get(digit, []))
    return summaries, packets
