#!/usr/bin/env python3
"""A Latica peer that can do one thing, answer pings, and the lines by which
Punchlist tells it what to do (spec/testee.md). Python's standard library alone.
Take it for the skeleton of an adapter: the upper half is a peer, the lower half
is what stands between yours and the suite."""
import hashlib, json, os, re, selectors, socket, struct, sys

# --- the peer: chapters 1, 2 and 4 of the standard -------------------------

def whole(v): return type(v) in (int, float) and v == v // 1
def number(v): return type(v) in (int, float)
def digits(*n): return lambda v: isinstance(v, str) and len(v) in n and re.fullmatch("[0-9a-fA-F]+", v)
def boolean(v): return isinstance(v, bool)
KEYS = {  # of a ping (1.5): the only packet that this peer reads
    "requesterPeerId": digits(64), "cacheSummaryHash": digits(40), "reflectionId": digits(12), "pingId": digits(12, 13),
    "probeExternalPort": lambda v: whole(v) and 1 <= v <= 65535,
    "natType": lambda v: v is None or whole(v) and 5 <= v < 2**31 and int(v) & 5 == 5,
    "uptime": number, "cacheSize": number, "timestamp": number,
    "isConnection": boolean, "isReflection": boolean, "isProbe": boolean, "isDebug": boolean}
PING, PONG, UNSET, HEAD = 1, 2, b"\0", struct.Struct(">4sBHIIiI")
MAGIC, MAXIMA = bytes.fromhex("03050b11"), [32] * 9 + [1024, 64]

def refuse(constant): raise ValueError(constant)  # NaN and Infinity are no JSON

def decode(d):
    """The type, version and body of a datagram; ValueError where it is refused."""
    if len(d) < HEAD.size or d[:4] != MAGIC or not 1 <= d[4] <= 8:
        raise ValueError("no packet")
    fields, at = [], HEAD.size
    for most in MAXIMA:
        if at + 2 > len(d):
            raise ValueError("it ends too early")
        n = struct.unpack_from(">H", d, at)[0]
        at += 2
        if n > most or at + n > len(d) and most != 64:
            raise ValueError("a field is too long")
        fields.append(d[at:at + n])
        at += n
    _, kind, version, *_ = HEAD.unpack_from(d)
    if kind != PING:
        return kind, version, None
    body = json.loads(fields[9].decode("utf-8", "replace"), parse_constant=refuse)
    if not isinstance(body, dict) or "requesterPeerId" not in body:
        raise ValueError("no body of a ping")
    if not all(key in KEYS and KEYS[key](value) for key, value in body.items()):
        raise ValueError("a key of the body")
    return kind, version, body

def encode(kind, body):
    message = json.dumps(body, separators=(",", ":")).encode("ascii")
    packet_id = hashlib.sha256(UNSET + message + UNSET).digest()
    fields = [UNSET, UNSET, UNSET, packet_id, UNSET, UNSET, UNSET, UNSET, UNSET, message, UNSET]
    return HEAD.pack(MAGIC, kind, 6, 1, 0, -1, 21600000) + b"".join(struct.pack(">H", len(f)) + f for f in fields)

class Peer:
    def __init__(self, settings):
        self.id = settings["peerId"]
        self.main, self.probe = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.main.bind(("0.0.0.0", settings.get("port", 0)))
        self.probe.bind(("0.0.0.0", settings.get("probePort", 0)))

    def receive(self):
        datagram, source = self.main.recvfrom(65535)
        try:
            kind, version, ping = decode(datagram)
        except (ValueError, OverflowError, RecursionError):
            return
        if version != 6 or kind != PING or ping["requesterPeerId"].lower() == self.id:
            return
        pong = {"responderPeerId": self.id, "requesterPeerId": ping["requesterPeerId"]}
        connects = ping.get("isConnection") and ping.get("natType")
        if not connects:
            pong["port"], pong["address"] = source[1], source[0]
        for key in ("reflectionId",) if connects else ("isProbe", "reflectionId", "pingId"):
            if key in ping:
                pong[key] = ping[key]
        pong.update({"isReflection": True} if ping.get("isReflection") else {"natType": 31})
        if connects:
            pong["isConnection"] = True
        self.main.sendto(encode(PONG, pong), source)
        if "probeExternalPort" in ping and not connects:
            to = (source[0], int(ping["probeExternalPort"]))
            self.probe.sendto(encode(PONG, dict(pong, port=to[1])), to)

# --- the testee: spec/testee.md ---------------------------------------------

def say(**line): print(json.dumps(line), flush=True)

def main():
    peer, waits = None, selectors.DefaultSelector()
    waits.register(sys.stdin.fileno(), selectors.EVENT_READ)
    rest = b""
    while True:
        for key, _ in waits.select():
            if key.fileobj is not sys.stdin.fileno():
                peer.receive()
                continue
            got = os.read(sys.stdin.fileno(), 1 << 20)
            *lines, rest = (rest + got).split(b"\n")
            for c in map(json.loads, lines):
                if c["do"] == "hello":
                    say(id=c["id"], ok=dict(name="example", version="0.1.0", wire=6, classes=["peer"], capabilities=[]))
                elif c["do"] == "start":
                    peer = Peer(c["with"])
                    waits.register(peer.main, selectors.EVENT_READ)
                    say(id=c["id"], ok={})
                    say(event="ready", peerId=peer.id, port=peer.main.getsockname()[1], probePort=peer.probe.getsockname()[1])
                elif c["do"] == "stop":
                    say(id=c["id"], ok={})
                elif c["do"] in ("info", "peers", "join", "publish", "sync", "cache"):
                    say(id=c["id"], error=dict(code="failed", text="this example only answers pings"))
                else:
                    say(id=c["id"], error=dict(code="bad-command", text="there is no command " + c["do"]))
                if c["do"] == "stop":
                    return
            if not got:
                return

main()
