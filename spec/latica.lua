-- latica.lua: Latica, wire version 6, in Wireshark and tshark 4.0 and newer (Lua 5.2 to 5.4).
--
-- To use it once:   wireshark -X lua_script:spec/latica.lua capture.pcapng
-- To install it:    copy this file and latica_json.lua into the folder "Personal Lua Plugins" that
--                   Help > About > Folders names (such as ~/.local/lib/wireshark/plugins), and press
--                   Ctrl+Shift+L.
-- Filters to begin with:
--   latica.malformed                     what a decoder refuses (chapter 1)
--   latica.violation                     a MUST of the chapters that one datagram shows broken
--   latica.requirement == "LAT-MSG-004"  what is said of one requirement
--   latica.type == 4 && latica.body.requesterPeerId contains "2bd806c9"
--   latica.body.natType == 5             peers behind a NAT whose mapping depends on the endpoint
--   latica.packetId == 2b:d8:...         one packet on its whole way, where all 32 bytes are given
--   latica.previousId == 2b:d8:...       the fragments of the head with that packetId
--   latica.sync.prefixLength == 0        root summaries
--
-- What is taken for Latica: whatever comes from or goes to the UDP ports of the preference latica.ports
-- (9777-9778; empty: none), and at any other each datagram that begins with the magic, since NATs choose ports.
-- Where a NAT chose one that another protocol is known for, set the preference udp.try_heuristic_first. The
-- opener is one byte, 01, which other protocols send too. It is taken for one only at those ports, in a
-- conversation in which the magic was seen, and from or to an address and port from which it was seen before.
--
-- What isn't judged: what takes more than one datagram, a key, or SHA-256, which Lua lacks. So packetIds are
-- shown and never verified, summaries aren't compared, and what is sealed stays sealed.

local latica = Proto("latica", "Latica")

-- Chapter 1: the layout -------------------------------------------------------------------------------------
local MAGIC = "\3\5\11\17"
local TYPES = { "Ping", "Pong", "Intro", "Join", "Publish", "Stream", "Sync", "Query" }
setmetatable(TYPES, { __index = function(_, n) return "type " .. n end })
local PING, PONG, INTRO, JOIN, PUBLISH, STREAM, SYNC, QUERY = 1, 2, 3, 4, 5, 6, 7, 8

-- The integers behind the magic: name, offset, bytes.
local INTEGERS = { { "type", 4, 1 }, { "version", 5, 2 }, { "clock", 7, 4 }, { "hops", 11, 4 }, { "index", 15, 4 }, { "ttl", 19, 4 } }
local FIXED = 23

-- The byte fields: name, most bytes.
local FIELDS = {
  { "clusterId", 32 }, { "subclusterId", 32 }, { "previousId", 32 }, { "packetId", 32 }, { "nextId", 32 },
  { "usr1", 32 }, { "usr2", 32 }, { "usr3", 32 }, { "usr4", 32 }, { "message", 1024 }, { "sig", 64 },
}

local NAT = { [31] = "UNRESTRICTED", [15] = "ADDR_RESTRICTED", [7] = "PORT_RESTRICTED", [5] = "ENDPOINT_RESTRICTED" }

-- A kind of value: what it must be, the test, and the type of its Wireshark field.
local function hex(count, more)
  return function(v) return v.text and (#v.text == count or #v.text == more) and not v.text:find("%X") end
end
local function whole(least, most)
  return function(v) return v.whole and v.number >= least and v.number <= most end
end
local function is(kind) return function(v) return v.kind == kind end end
local natural = whole(0, 2 ^ 31 - 1)
local function octets(v)
  local four = { (v.text or ""):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, n in ipairs(four) do if #n > 3 or tonumber(n) > 255 or n:find("^0.") then return false end end
  return #four == 4
end
local KINDS = {
  id = { "an id of 64 hex digits", hex(64), "string" },
  hash = { "a hash of 40 hex digits", hex(40), "string" },
  echo = { "12 hex digits", hex(12), "string" },
  pingId = { "12 or 13 hex digits", hex(12, 13), "string" },
  address = { "an IPv4 address", octets, "string" },
  nat = { "an integer with bits 0 and 2 set", function(v) return natural(v) and v.number % 2 == 1 and v.number % 8 >= 4 end, "uint32" },
  port = { "a port from 1 to 65535", whole(1, 65535), "uint16" },
  number = { "a number", is("number"), "double" },
  count = { "a whole number from 0", whole(0, 2 ^ 53), "double" },
  boolean = { "a boolean", is("boolean"), "bool" },
  text = { "a string", is("string"), "string" },
  object = { "an object", is("object"), "string" },
}
local KEYS = {
  requesterPeerId = "id", responderPeerId = "id", rendezvousPeerId = "id", rendezvousRequesterPeerId = "id", packetId = "id",
  cacheSummaryHash = "hash", reflectionId = "echo", pingId = "pingId", natType = "nat", rendezvousType = "nat",
  address = "address", rendezvousAddress = "address", port = "port", probeExternalPort = "port", rendezvousPort = "port",
  uptime = "number", cacheSize = "number", timestamp = "number", rendezvousDeadline = "number", ts = "number",
  size = "count", indexes = "count", key = "text", meta = "object",
  isConnection = "boolean", isReflection = "boolean", isProbe = "boolean", isDebug = "boolean", isRendezvous = "boolean", rejected = "boolean",
}

-- The keys of a body; required ones have a mark.
local function lists(text)
  local keys = {}
  for key, required in text:gmatch("(%w+)(!?)") do keys[#keys + 1], keys[key] = key, required == "!" and "required" or "optional" end
  return keys
end
local BODIES = {
  [PING] = lists "requesterPeerId! cacheSummaryHash probeExternalPort reflectionId pingId natType uptime cacheSize isConnection isReflection isProbe isDebug timestamp",
  [PONG] = lists "requesterPeerId! responderPeerId! cacheSummaryHash port address uptime cacheSize natType isReflection isConnection reflectionId pingId isDebug isProbe rejected",
  [INTRO] = lists "requesterPeerId! responderPeerId! isRendezvous natType! address! port! timestamp",
  [JOIN] = lists "rendezvousAddress rendezvousPort rendezvousType rendezvousPeerId rendezvousDeadline rendezvousRequesterPeerId requesterPeerId! natType! address! key port! isConnection",
}
local HEAD, QUESTION = lists "meta ts size indexes", lists "packetId"

-- Fields and expert infos of Wireshark ----------------------------------------------------------------------
local f = {
  magic = ProtoField.bytes("latica.magic", "magic"),
  type = ProtoField.uint8("latica.type", "type", base.DEC, TYPES),
  version = ProtoField.uint16("latica.version", "version"),
  clock = ProtoField.uint32("latica.clock", "clock"),
  hops = ProtoField.uint32("latica.hops", "hops"),
  index = ProtoField.int32("latica.index", "index"),
  ttl = ProtoField.uint32("latica.ttl", "ttl", base.DEC, nil, nil, "milliseconds"),
  opener = ProtoField.bytes("latica.opener", "opener"),
  trailing = ProtoField.bytes("latica.trailing", "bytes behind sig"),
  requirement = ProtoField.string("latica.requirement", "requirement"),
  other = ProtoField.string("latica.body.other", "other key"),
  time = ProtoField.absolute_time("latica.time", "time", base.UTC),
  eventId = ProtoField.bytes("latica.eventId", "event, the SHA-256 of its name"),
  signer = ProtoField.bytes("latica.signer", "author's public key"),
  destination = ProtoField.bytes("latica.destination", "peerId of the destination"),
  source = ProtoField.bytes("latica.source", "peerId of the source"),
  queryId = ProtoField.bytes("latica.queryId", "queryId"),
  queryKind = ProtoField.string("latica.queryKind", "kind of query"),
  prefixLength = ProtoField.uint8("latica.sync.prefixLength", "digits of the prefix"),
  prefix = ProtoField.string("latica.sync.prefix", "prefix"),
  hash = ProtoField.bytes("latica.sync.hash", "hash"),
  bucket = ProtoField.uint8("latica.sync.bucket", "bucket", base.HEX),
  value = ProtoField.bytes("latica.sync.bucket.value", "value"),
}
for _, field in ipairs(FIELDS) do
  f[field[1]] = ProtoField.bytes("latica." .. field[1], field[1])
  f[field[1] .. ".length"] = ProtoField.uint16("latica." .. field[1] .. ".length", "length of " .. field[1])
end
for key, kind in pairs(KEYS) do
  local make, name = ProtoField[KINDS[kind][3]], "latica.body." .. key
  f["body." .. key] = kind == "nat" and make(name, key, base.DEC, NAT) or make(name, key)
end
latica.fields = f

local malformed = ProtoExpert.new("latica.malformed", "a decoder refuses this", expert.group.MALFORMED, expert.severity.ERROR)
local violation = ProtoExpert.new("latica.violation", "a sender must not send this", expert.group.PROTOCOL, expert.severity.WARN)
local remark = ProtoExpert.new("latica.remark", "worth a look", expert.group.PROTOCOL, expert.severity.NOTE)
latica.experts = { malformed, violation, remark }

-- say adds an expert info to an item: where and what, by which requirement, at which offset of the datagram.
local function say(expertInfo, item, id, at, text)
  item:add_proto_expert_info(expertInfo, ("%s [%s, offset %d]"):format(text, id, at))
  item:add(f.requirement, id):set_generated()
end

-- JSON: a scanner that remembers where things stand ---------------------------------------------------------
local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""
local scanner = dofile(folder .. "latica_json.lua")
local space, value, unescaped, object = scanner.space, scanner.value, scanner.unescaped, scanner.object

local function printable(text) return (text:gsub("[^\32-\126]", function(c) return ("\\x%02x"):format(c:byte()) end)) end
local function tohex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

-- Bodies ----------------------------------------------------------------------------------------------------

local json = Dissector.get("json")

-- member shows a member of a body under the name of its key, where the value is what the key wants; else as other.
local function member(p, tree, m, listed)
  local key = unescaped(m.name)
  local kind = listed[key] and KINDS[KEYS[key]]
  local range = p.tvb(p.base + m.at - 1, #m.raw)
  local good = kind and kind[2](m)
  if good then
    local shown = m.number
    if m.kind == "boolean" then shown = m.raw == "true" end
    if m.kind == "string" then shown = printable(kind == KINDS.text and m.raw:sub(2, -2) or m.text) end
    m.item = tree:add(f["body." .. key], range, shown == nil and printable(m.raw) or shown)
  else
    m.item = tree:add(f.other, range, printable(m.raw))
    m.item:set_text(('"%s": %s'):format(printable(m.name), printable(m.raw)))
  end
  if p.keys[key] then
    say(remark, p.keys[key].item, "LAT-FRAME-013", p.base + p.keys[key].at - 1, ("message, key %s: there again, and the last one counts"):format(key))
  end
  m.good, p.keys[key] = good, m
end

-- held says what is wrong with a body of types 1 to 4 (LAT-FRAME-011 to 013).
local function held(p, members, behind, at)
  local listed = BODIES[p.type]
  for _, m in ipairs(members) do
    if m.complete and not listed[unescaped(m.name)] then
      p:fault(m.item, "LAT-FRAME-012", p.base + m.nameAt - 1, ('message: %s lists no key "%s"'):format(TYPES[p.type], printable(m.name)))
    end
  end
  if not behind then return p:fault(p.items.message, "LAT-FRAME-011", p.base + at - 1, "message: not valid JSON") end
  for _, key in ipairs(listed) do
    local m = p.keys[key]
    if not m then
      if listed[key] == "required" then p:fault(p.items.message, "LAT-FRAME-013", p.base, ("message, key %s: missing, although required"):format(key)) end
    elseif m.kind == "null" and key == "natType" and p.type <= PONG then
      -- A deployed peer that doesn't know its type yet says so. It counts as absent.
      say(remark, m.item, "LAT-FRAME-013", p.base + m.at - 1, "message, key natType: null, for a type that isn't known yet")
    elseif not m.good then
      p:fault(m.item, "LAT-FRAME-013", p.base + m.at - 1, ("message, key %s: not %s"):format(key, KINDS[KEYS[key]][1]))
    end
  end
end

-- body dissects a message that is or must be JSON.
local function body(p, s, cut, root)
  local must = BODIES[p.type]
  local head = (p.type == PUBLISH or p.type == STREAM) and p.index == 0
  if not (must or head or p.type == QUERY) then return end
  local i = space(s, 1)
  if s:sub(i, i) ~= "{" then
    local kind, at = value(s, 1)
    if must and not cut then
      local ends = kind and space(s, at)
      local what = kind and ends > #s and "not a JSON object" or "not valid JSON"
      p:fault(p.items.message, "LAT-FRAME-011", p.base + (what == "not a JSON object" and i or ends or at) - 1, "message: " .. what)
    end
    return
  end
  local members, behind, at = object(s, i)
  if behind and space(s, behind) <= #s then behind, at = nil, space(s, behind) end -- something follows
  if not behind and not must then return end
  p.object = behind ~= nil
  local tree = p.items.message:add(p.tvb(p.base, #s), "Body")
  for _, m in ipairs(members) do member(p, tree, m, must or head and HEAD or QUESTION) end
  if must and not cut then held(p, members, behind, at) end
  if p.object then json:call(p.tvb(p.base, #s):tvb(), p.pinfo, p.items.message) end
end

-- Chapter 9: summaries --------------------------------------------------------------------------------------

-- summary dissects the message of a sync, and says what keeps it from being one.
local function summary(p, s)
  local tree = p.items.message:add(p.tvb(p.base, #s), "Summary")
  local function wrong(at, text) say(violation, tree, "LAT-SYNC-002", p.base + at, "message: " .. text) end
  local digits = s:byte(1)
  if not digits then return wrong(0, "no summary, since it is empty") end
  tree:add(f.prefixLength, p.tvb(p.base, 1))
  if digits > 64 then return wrong(0, "a prefix has at most 64 digits") end
  local pos = 1 + math.ceil(digits / 2)
  if #s < pos + 20 then return wrong(#s, "cut off before the end of the hash") end
  local prefix = tohex(s:sub(2, pos))
  if digits % 2 == 1 then
    if prefix:sub(1, 1) ~= "0" then wrong(1, "a 0 stands before an odd number of digits") end
    prefix = prefix:sub(2)
  end
  tree:add(f.prefix, p.tvb(p.base + 1, pos - 1), prefix)
  tree:add(f.hash, p.tvb(p.base + pos, 20))
  pos = pos + 20
  local last, count = -1, 0
  while pos < #s do
    local digit, rest = s:byte(pos + 1), math.min(20, #s - pos - 1)
    local bucket = tree:add(f.bucket, p.tvb(p.base + pos, 1))
    if rest > 0 then bucket:add(f.value, p.tvb(p.base + pos + 1, rest)) end
    if digit > 15 then wrong(pos, "a bucket's digit is 0 to 15") end
    if digits == 64 then wrong(pos, "nothing is below a whole packetId") end
    if digit <= last then wrong(pos, "buckets ascend, and none is there twice") end
    if rest < 20 then wrong(pos, "cut off inside a bucket") end
    last, pos, count = digit, pos + 21, count + 1
  end
  p.summary = { prefix = prefix, digits = digits, buckets = count }
end

-- What a datagram alone shows of the sender's duties --------------------------------------------------------
local function p32(p, field) return p:size(field) == 32 end
local function millis(p, field) return p.values[field]:find("^%d+$") and p:size(field) <= 15 end
local function set(p, field) return p:size(field) > 0 end
local function question(p) return p.values.usr4 == "1" end
local function answer(p) return p.values.usr4 == "2" end
local function rendezvous(p)
  local count = 0
  for key in ("Address Port Type PeerId Deadline"):gmatch("%w+") do count = count + (p:has("rendezvous" .. key) and 1 or 0) end
  return count
end
local function relayed(p) return p.hops > 16 end

-- Requirement, types (none: all), the field or key to blame, what is wrong, and the test of a packet whose frame
-- is whole. A rule that names a key wants that key with a good value.
local RULES = {
  { "LAT-FRAME-005", "", "version", "a peer discards any but 6", function(p) return p.version ~= 6 end },
  { "LAT-FRAME-010", "", "message", "JSON with a byte that isn't ASCII", function(p) return p.object and p.values.message:find("[\128-\255]") end },
  { "LAT-FRAME-015", "Ping Pong Intro Join Sync Query", "index", "must be -1 in packets of this type", function(p) return p.index ~= -1 and not (p.type == QUERY and answer(p)) end },
  { "LAT-FRAME-017", "", nil, "longer than 1,421 bytes", function(p) return p.length > 1421 end },
  { "LAT-ID-001", "Ping Pong Intro Sync Query", "packetId", "no SHA-256, which has 32 bytes", function(p) return not p32(p, "packetId") and not (p.type == QUERY and answer(p)) end },
  { "LAT-ID-002", "Publish Stream", "packetId", "no SHA-256, which has 32 bytes", function(p) return p.index < 0 and not p32(p, "packetId") end },
  { "LAT-ID-003", "Publish Stream", "packetId", "no SHA-256, which has 32 bytes", function(p) return p.index >= 0 and not p32(p, "packetId") end },
  { "LAT-ID-004", "Publish Stream", "index", "neither -1, nor 0, nor the place of a fragment", function(p) return p.index < -1 end },
  { "LAT-ID-004", "Publish Stream", "message", "no head: a JSON object with size and indexes", function(p) return p.index == 0 and not (p.object and p:has("size") and p:has("indexes")) end },
  { "LAT-ID-004", "Publish Stream", "indexes", "not as many slices of 1,024 bytes as size takes", function(p) return p:has("size") and math.ceil(p:number("size") / 1024) ~= p:number("indexes") end },
  { "LAT-ID-004", "Publish Stream", "size", "at most 1,024 bytes are one packet", function(p) return p:number("size") <= 1024 end },
  { "LAT-KEY-001", "Join Publish Stream", "subclusterId", "no Ed25519 public key, which has 32 bytes", function(p) return set(p, "subclusterId") and not p32(p, "subclusterId") end },
  { "LAT-KEY-002", "Publish Stream", "message", "shorter than 160 bytes, so not sealed", function(p) return p.index < 0 and #p.values.message < 160 end },
  { "LAT-KEY-004", "Publish Stream", "sig", "no Ed25519 signature, which has 64 bytes", function(p) return set(p, "sig") and p:size("sig") ~= 64 end },
  { "LAT-KEY-007", "Publish Stream", "usr1", "no SHA-256 of an event's name, which has 32 bytes", function(p) return set(p, "usr1") and not p32(p, "usr1") end },
  { "LAT-MSG-001", "Pong", "message", "neither isConnection, nor address and port", function(p) return p.object and not p:on("isConnection") and not (p:has("address") and p:has("port")) end },
  { "LAT-MSG-002", "Pong", "natType", "in a pong with isReflection", function(p) return p:on("isReflection") end },
  { "LAT-MSG-004", "Pong", "pingId", "in a pong with isConnection", function(p) return p:on("isConnection") end },
  { "LAT-MSG-005", "Pong", "address", "in a pong with isConnection", function(p) return p:on("isConnection") end },
  { "LAT-MSG-005", "Pong", "port", "in a pong with isConnection", function(p) return p:on("isConnection") end },
  { "LAT-MSG-005", "Pong", "isProbe", "true in a pong with isConnection", function(p) return p:on("isConnection") and p:on("isProbe") end },
  { "LAT-MSG-006", "Pong", "responderPeerId", "the requester, who doesn't answer itself", function(p) return p:same("requesterPeerId", "responderPeerId") end },
  { "LAT-NAT-005", "Ping", "isProbe", "discovery asks by reflection pings", function(p) return p:on("isProbe") and not p:on("isReflection") end },
  { "LAT-NAT-005", "Ping", "probeExternalPort", "discovery asks by reflection pings", function(p) return not p:on("isReflection") end },
  { "LAT-MEMB-001", "Join", "clusterId", "not of 32 bytes", function(p) return not p32(p, "clusterId") end },
  { "LAT-MEMB-003", "Intro", "message", "without isRendezvous", function(p) return p.object and not p:has("isRendezvous") end },
  { "LAT-MEMB-003", "Intro", "usr1", "no time in ASCII milliseconds", function(p) return not millis(p, "usr1") end },
  { "LAT-MEMB-004", "Join", "hops", "relayed past 16", relayed },
  { "LAT-MEMB-005", "Join", "message", "a rendezvous names itself by five keys", function(p) return not p:has("rendezvousRequesterPeerId") and rendezvous(p) % 5 ~= 0 end },
  { "LAT-MEMB-005", "Join", "rendezvousType", "a rendezvous is of NAT type 31", function(p) return not p:has("rendezvousRequesterPeerId") and p:number("rendezvousType") ~= 31 end },
  { "LAT-MEMB-006", "Join", "rendezvousRequesterPeerId", "an answer names rendezvousPeerId too", function(p) return not p:has("rendezvousPeerId") end },
  { "LAT-REPL-006", "Publish", "hops", "relayed past 16", relayed },
  { "LAT-STRM-001", "Stream", "usr3", "not the destination, a peerId of 32 bytes", function(p) return not p32(p, "usr3") end },
  { "LAT-STRM-001", "Stream", "usr4", "not the source, a peerId of 32 bytes", function(p) return not p32(p, "usr4") end },
  { "LAT-STRM-008", "Stream", "hops", "relayed past 16", relayed },
  { "LAT-SYNC-003", "Sync", "usr4", "no time in ASCII milliseconds, in a summary of the whole cache", function(p) return p.summary and p.summary.digits == 0 and not millis(p, "usr4") end },
  { "LAT-QRY-001", "Query", "usr4", "neither 1, a question, nor 2, an answer", function(p) return not question(p) and not answer(p) end },
  { "LAT-QRY-001", "Query", "hops", "a question is multicast with hops 1", function(p) return question(p) and p.hops == 0 end },
  { "LAT-QRY-001", "Query", "usr1", "no time in ASCII milliseconds", function(p) return question(p) and not millis(p, "usr1") end },
  { "LAT-QRY-001", "Query", "usr3", "no queryId of 32 bytes", function(p) return question(p) and not p32(p, "usr3") end },
  { "LAT-QRY-004", "Query", "usr3", "no queryId of 32 bytes", function(p) return answer(p) and not p32(p, "usr3") end },
  { "LAT-QRY-007", "Query", "hops", "relayed past 16", relayed },
  { "LAT-QRY-011", "Query", "message", "a question's body is a JSON object", function(p) return question(p) and not p.object end },
}

local function judge(p)
  for _, rule in ipairs(RULES) do
    local id, of, where, text, broken = rule[1], rule[2], rule[3], rule[4], rule[5]
    local key = KEYS[where] and not p.items[where]
    if (of == "" or of:find(TYPES[p.type])) and (not key or p:has(where)) and broken(p) then
      local item = key and p.keys[where].item or p.items[where] or p.tree
      local at = key and p.base + p.keys[where].at - 1 or p.offsets[where] or 0
      say(violation, item, id, at, (key and "message, key " .. where or where or "datagram") .. ": " .. text)
    end
  end
end

-- The packet ------------------------------------------------------------------------------------------------
local Packet = {}
Packet.__index = Packet

function Packet:fault(item, id, at, text)
  self.refused = self.refused or id
  say(malformed, item, id, at, text)
end

-- size is how many bytes a field holds, and 0 for one that is unset or empty.
function Packet:size(field)
  local v = self.values[field]
  return v == "\0" and 0 or #v
end

-- has, on, number, same ask after keys of a whole body whose values are what they must be.
function Packet:has(key) return self.object and self.keys[key] and self.keys[key].good end
function Packet:on(key) return self:has(key) and self.keys[key].raw == "true" end
function Packet:number(key) return self:has(key) and self.keys[key].number end
function Packet:same(a, b) return self:has(a) and self:has(b) and self.keys[a].text:lower() == self.keys[b].text:lower() end

-- named adds what the type makes of a usr field.
local NAMED = {
  [INTRO] = { usr1 = "time" },
  [PUBLISH] = { usr1 = "eventId", usr2 = "signer" },
  [STREAM] = { usr1 = "eventId", usr2 = "signer", usr3 = "destination", usr4 = "source" },
  [SYNC] = { usr4 = "time" },
  [QUERY] = { usr1 = "time", usr3 = "queryId", usr4 = "queryKind" },
}
local function named(p)
  for usr, name in pairs(NAMED[p.type] or {}) do
    if name == "time" and p.type == QUERY and answer(p) then name = "eventId" end
    local v, item, at = p.values[usr], p.items[usr], p.offsets[usr] + 2
    if name == "queryKind" and (question(p) or answer(p)) then
      item:add(f.queryKind, p.tvb(at, 1), question(p) and "question" or "answer")
    elseif name == "time" and millis(p, usr) then
      local seconds, rest = v:match("^(%d-)(%d?%d?%d)$")
      item:add(f.time, p.tvb(at, #v), NSTime.new(tonumber(seconds) or 0, tonumber(rest) * 1000000))
    elseif name ~= "queryKind" and name ~= "time" and set(p, usr) then
      item:add(f[name], p.tvb(at, #v))
    end
  end
end

-- info is the line of the packet list.
local function info(p)
  local words = { TYPES[p.type] }
  local function add(format, ...) words[#words + 1] = format:format(...) end
  local function short(bytes) return tohex(bytes:sub(1, 4)) end
  local function key(label, name)
    if p:has(name) then add("%s=%s", label, p.keys[name].number and ("%.0f"):format(p.keys[name].number) or p.keys[name].text:sub(1, 8)) end
  end
  if p.type <= JOIN and p.object then
    key(p.type == INTRO and "introduces" or "requester", "requesterPeerId")
    key(p.type == INTRO and "by" or "responder", "responderPeerId")
    if p:has("address") and p:has("port") then add("at %s:%d", p.keys.address.text, p:number("port")) end
    key("natType", "natType")
    if p.type <= PONG then add(p:on("isReflection") and "reflection" or p:on("isConnection") and "connection" or "plain") end
    key("probe port", "probeExternalPort")
    if p:has("rendezvousRequesterPeerId") then add("answer at rendezvous") elseif p:has("rendezvousDeadline") then add("with rendezvous") end
  elseif p.type == PUBLISH or p.type == STREAM then
    add("id=%s", short(p.values.packetId))
    if p.type == STREAM then add("%s to %s", short(p.values.usr4), short(p.values.usr3)) end
    if p:has("indexes") then add("head of %.0f", p:number("indexes")) elseif p.index > 0 then add("fragment %d of %s", p.index, short(p.values.previousId)) end
  elseif p.summary then
    add(p.summary.digits == 0 and "root" or "prefix=" .. p.summary.prefix)
    add("%d buckets", p.summary.buckets)
  elseif p.type == QUERY then
    add("%s id=%s", answer(p) and "answer" or question(p) and "question" or "of no kind", short(p.values.usr3))
    key("for", "packetId")
  end
  add("hops=%d", p.hops)
  return table.concat(words, " ")
end

-- fields dissects the byte fields, and says whether all of them are there.
local function fields(p, s, cutByCapture)
  local pos = FIXED
  for _, field in ipairs(FIELDS) do
    local name, most = field[1], field[2]
    local function truncated(item)
      if cutByCapture then return item:add_proto_expert_info(remark, name .. ": cut off by the capture") end
      p:fault(item, "LAT-FRAME-002", pos, name .. ": cut off by the end of the datagram")
    end
    if pos + 2 > #s then return truncated(p.tree) end
    local declared = p.tvb(pos, 2):uint()
    local v = s:sub(pos + 3, pos + 2 + declared)
    local item
    if v == "" then
      item = p.tree:add(f[name .. ".length"], p.tvb(pos, 2))
      item:set_text(declared == 0 and name .. ": empty" or name .. ": nothing of it is there")
    else
      item = p.tree:add(f[name], p.tvb(pos + 2, #v))
      item:add(f[name .. ".length"], p.tvb(pos, 2))
      if v == "\0" then item:append_text(" (unset)") end
    end
    p.values[name], p.items[name], p.offsets[name] = v, item, pos
    if declared > most then p:fault(item, "LAT-FRAME-003", pos, ("%s: a length of %d, of at most %d"):format(name, declared, most)) end
    if name == "message" then p.base = pos + 2 end
    local cut = #v < declared
    if cut and (name ~= "sig" or declared > most) then return truncated(item) end
    if cut and not cutByCapture then say(remark, item, "LAT-FRAME-006", pos, "sig: cut short by the end of the datagram, and accepted") end
    if declared == 0 and name ~= "message" then say(remark, item, "LAT-FRAME-008", pos, name .. ": empty, which is accepted; unset is one zero byte") end
    pos = pos + 2 + #v
  end
  if pos < #s then
    local item = p.tree:add(f.trailing, p.tvb(pos, #s - pos))
    say(remark, item, "LAT-FRAME-006", pos, "datagram: bytes behind sig mean nothing")
  end
  return true
end

local function dissect(tvb, pinfo, root)
  local s = tvb:len() > 0 and tvb:raw() or ""
  local p = setmetatable({ tvb = tvb, pinfo = pinfo, length = tvb:reported_len(), items = {}, offsets = {}, values = {}, keys = {} }, Packet)
  p.tree = root:add(latica, tvb())
  if s == "\1" and p.length == 1 then
    p.tree:add(f.opener, tvb(0, 1))
    p.tree:append_text(", opener")
    return "Opener"
  end
  local cutByCapture = #s < p.length
  if s:sub(1, 4) ~= MAGIC and not (cutByCapture and #s < 4) then p:fault(p.tree, "LAT-FRAME-001", 0, "magic: not 03 05 0b 11") end
  if #s < 4 then return "[no packet]" end
  p.tree:add(f.magic, tvb(0, 4))
  for _, integer in ipairs(INTEGERS) do
    local name, at, bytes = integer[1], integer[2], integer[3]
    if #s < at + bytes then
      if not cutByCapture then p:fault(p.tree, "LAT-FRAME-002", at, name .. ": cut off by the end of the datagram") end
      return "[cut off]"
    end
    p.items[name], p.offsets[name] = p.tree:add(f[name], tvb(at, bytes)), at
    p[name] = name == "index" and tvb(at, bytes):int() or tvb(at, bytes):uint()
  end
  if not rawget(TYPES, p.type) then p:fault(p.items.type, "LAT-FRAME-004", 4, "type: not one of 1 to 8") end

  local isWhole = fields(p, s, cutByCapture)
  local message = p.values.message
  if message then
    body(p, message, #message < tvb(p.base - 2, 2):uint(), root)
    if isWhole and p.type == SYNC then summary(p, message) end
  end
  local line = TYPES[p.type] .. " [cut off]"
  if isWhole then
    named(p)
    judge(p)
    line = info(p)
  end
  p.tree:append_text(", " .. line)
  return line .. (p.refused and " [malformed: " .. p.refused .. "]" or "")
end

-- Registration ----------------------------------------------------------------------------------------------

-- speaks has the addresses and ports from which the magic was seen, and openers the numbers of frames.
local speaks, openers = {}, {}
local function from(pinfo) return tostring(pinfo.src) .. " " .. pinfo.src_port end
local function to(pinfo) return tostring(pinfo.dst) .. " " .. pinfo.dst_port end
function latica.init() speaks, openers = {}, {} end

function latica.dissector(tvb, pinfo, root)
  if tvb:len() >= 4 and tvb:raw(0, 4) == MAGIC then speaks[from(pinfo)] = true end
  local line = dissect(tvb, pinfo, root)
  -- Set last, since the JSON dissector puts its own name here.
  pinfo.cols.protocol = "Latica"
  pinfo.cols.info = line
  return tvb:len()
end

latica:register_heuristic("udp", function(tvb, pinfo, root)
  if tvb:len() == 1 and tvb:raw() == "\1" then
    if not pinfo.visited then openers[pinfo.number] = speaks[from(pinfo)] or speaks[to(pinfo)] end
    if not openers[pinfo.number] then return false end
  elseif tvb:len() < 4 or tvb:raw(0, 4) ~= MAGIC then
    return false
  else
    pinfo.conversation = latica
  end
  latica.dissector(tvb, pinfo, root)
  return true
end)

latica.prefs.ports = Pref.range("UDP ports", "9777-9778", "Ports at which every datagram is taken for Latica's", 65535)
local udp, ports = DissectorTable.get("udp.port"), ""
local function listen()
  if ports ~= "" then udp:remove(ports, latica) end
  ports = latica.prefs.ports
  if ports ~= "" then udp:add(ports, latica) end
end
latica.prefs_changed = listen
listen()
