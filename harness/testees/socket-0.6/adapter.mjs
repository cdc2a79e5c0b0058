// Puts the JavaScript peer of @socketsupply/socket under test: commands come
// in and replies and events go out as JSON, one object a line, on stdin and
// stdout, as spec/testee.md says.
//
// The peer is used as the package's own application layer (latica/api.js) uses
// it. What it throws by itself is not caught anywhere in this file: Node.js then
// ends the process, as it does for every user of the package, and that is for
// the suite to judge. Only what a command's own call throws is a reply.
import { Console } from 'node:console'
import dgram from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'

// The package logs to the console; stdout belongs to the testee protocol.
globalThis.console = new Console(process.stderr, process.stderr)

const base = '@socketsupply/socket/latica'
const { Peer, RemotePeer, Cache, Encryption, sha256 } = await import(`${base}/index.js`)
const { Packet, CACHE_TTL, VERSION } = await import(`${base}/packets.js`)

const MAX_LINE = 1 << 20
const UNRESTRICTED = 31
const BYTE_FIELDS = ['clusterId', 'subclusterId', 'previousId', 'packetId', 'nextId', 'usr1', 'usr2', 'usr3', 'usr4', 'sig']
const NUMBER_FIELDS = ['type', 'version', 'clock', 'hops', 'index', 'ttl']

let peer = null // after start
const joined = new Map() // subclusterId in hex -> shared key

// ---- lines -----------------------------------------------------------------

class Refusal extends Error {
  constructor (code, text) {
    super(text)
    this.code = code
  }
}

function write (message, done) {
  process.stdout.write(JSON.stringify(message) + '\n', done)
}

const emit = (event, parameters) => write({ event, ...parameters })

async function handle (line) {
  let command
  try {
    command = JSON.parse(line)
  } catch {
    return emit('error', { text: `a line that is not JSON: ${line.slice(0, 80)}` })
  }
  const { id, do: name, with: parameters = {} } = command ?? {}
  if (!Number.isInteger(id)) return emit('error', { text: `a command without an id: ${line.slice(0, 80)}` })

  try {
    if (!Object.hasOwn(commands, name)) throw new Refusal('bad-command', `there is no command ${name}`)
    const reply = { id, ok: await commands[name](parameters) ?? {} }
    if (JSON.stringify(reply).length > MAX_LINE) throw new Refusal('failed', 'the result is longer than a line may be')
    write(reply, name === 'stop' ? () => process.exit(0) : undefined)
  } catch (err) {
    write({ id, error: { code: err instanceof Refusal ? err.code : 'failed', text: String(err?.message ?? err) } })
  }
}

// ---- parameters ------------------------------------------------------------

const hex = value => Buffer.from(value).toString('hex')

// A byte string written as hex; size is its length in bytes where it is fixed.
function bytes (value, name, size) {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/.test(value)) throw new Refusal('bad-command', `${name} must be lower-case hex`)
  if (size !== undefined && value.length !== 2 * size) throw new Refusal('bad-command', `${name} must have ${size} bytes`)
  return Buffer.from(value, 'hex')
}

function started () {
  if (!peer) throw new Refusal('not-started', 'start comes first')
  return peer
}

function knownPeer (id) {
  const found = started().getPeer(id)
  if (!found) throw new Refusal('failed', `peer ${id} is not known`)
  return found
}

function sharedKeyOf (subclusterId) {
  const sharedKey = joined.get(subclusterId)
  if (!started() || !sharedKey) throw new Refusal('failed', `subcluster ${subclusterId} was not joined`)
  return sharedKey
}

// What the application layer adds to a message before it is sealed.
async function packed ({ event, message, ttl, signingSeed }) {
  const args = { message: bytes(message, 'message') }
  if (ttl) args.ttl = Math.min(ttl, CACHE_TTL)
  if (event) args.usr1 = await sha256(event, { bytes: true })
  if (signingSeed) {
    const signing = await Encryption.createKeyPair(bytes(signingSeed, 'signingSeed', 32))
    args.usr2 = Buffer.from(signing.publicKey)
    args.sig = Buffer.from(Encryption.sign(args.message, signing.privateKey))
  }
  return args
}

// This peer may speak only inside a lab. The lab says which addresses the host
// has; a process that it failed to put there finds others, and stays silent.
function refuseOutsideLab () {
  const lab = process.env.PUNCHLIST_LAB
  if (!lab) throw new Refusal('failed', 'this peer is started only inside a lab, and PUNCHLIST_LAB is not set')
  const real = Object.values(networkInterfaces()).flat().filter(a => a.family === 'IPv4' && !a.internal).map(a => a.address)
  const said = lab.split(',').filter(address => !address.startsWith('127.'))
  if (real.sort().join() !== said.sort().join()) {
    throw new Refusal('failed', `this peer is started only inside a lab: PUNCHLIST_LAB says ${lab}, the machine has ${real.join() || 'no address'}`)
  }
  return real[0] ?? '127.0.0.1'
}

// ---- events ----------------------------------------------------------------

function connection ({ peerId, address, port, natType, proxy }) {
  return { peerId, address, port, natType: natType ?? undefined, proxy: proxy?.peerId }
}

function nat () {
  emit('nat', { natType: peer.natType, address: peer.address, port: peer.port })
}

// Opens a message as latica/api.js does: one that cannot be opened is a
// rejection that nobody handles, and a signature that cannot be checked makes
// the message undefined.
async function received (event, packet, more) {
  if (packet.clusterId.compare(peer.clusterId) !== 0) return
  let message = Buffer.from(await peer.open(packet.message, packet.subclusterId.toString('base64')))
  let verified
  try {
    verified = Encryption.verify(message, packet.sig, packet.usr2) || undefined
  } catch {
    message = undefined
  }
  emit(event, {
    ...more,
    subclusterId: hex(packet.subclusterId),
    eventId: packet.usr1.length === 32 ? hex(packet.usr1) : undefined,
    message: message && hex(message),
    verified
  })
}

// The head of a fragmented message that the package composed: the composed
// packet has an id of its own, and the links of whichever part came last.
function head (packet) {
  if (!packet.isComposed) return packet
  return [...peer.cache.data.values()].find(p => p.index === 0 &&
    (p.packetId.equals(packet.previousId) || p.nextId.equals(packet.nextId)))
}

function listen (indexed) {
  peer.onListening = () => {
    if (indexed) peer.port = peer.config.port
    emit('ready', { peerId: peer.peerId, port: peer.config.port, probePort: peer.config.probeInternalPort })
    if (indexed) nat()
  }
  peer.onNat = nat
  peer.onReady = () => { for (const sharedKey of joined.values()) peer.join(sharedKey) }
  peer.onConnection = (packet, other) => emit('connection', connection(other)) // unset, the peer never syncs
  peer.onDisconnection = removed => { for (const { peerId } of [removed].flat()) emit('disconnection', { peerId }) }
  peer.onError = err => emit('error', { text: String(err?.message ?? err) })
  peer.onPacket = (packet, port, address, own) => {
    if (own) return
    const { packetId } = head(packet)
    received('packet', packet, { packetId: hex(packetId), clusterId: hex(packet.clusterId), hops: packet.hops })
  }
  peer.onStream = (packet, from) => { received('stream', packet, { peerId: from.peerId }) }
}

function answer (message, packet) {
  const content = ArrayBuffer.isView(message) ? { message: hex(message) } : { body: message }
  emit('answer', { packetId: hex(packet.packetId), ...content })
}

// ---- saved state: what the package's constructor takes back -----------------

async function save () {
  const { config, data, unpublished } = peer.getState()
  const packets = []
  for (const [, packet] of data) packets.push([packet.timestamp, hex(await Packet.encode(packet))])
  return Buffer.from(JSON.stringify({ clock: config.clock, packets, unpublished })).toString('hex')
}

function restore (state, config) {
  const { clock, packets, unpublished } = JSON.parse(bytes(state, 'state').toString())
  const data = packets.map(([timestamp, datagram]) => {
    const packet = Object.assign(Packet.decode(Buffer.from(datagram, 'hex')), { timestamp })
    return [hex(packet.packetId), packet]
  })
  return { config: { ...config, clock }, data, unpublished }
}

// ---- codec -----------------------------------------------------------------

function fields (packet) {
  const out = {}
  for (const name of NUMBER_FIELDS) out[name] = packet[name]
  for (const name of BYTE_FIELDS) out[name] = hex(packet[name])
  if (ArrayBuffer.isView(packet.message)) return { ...out, message: hex(packet.message) }
  return { ...out, message: '', body: packet.message }
}

function packetOf (given) {
  if (typeof given !== 'object' || given === null) throw new Refusal('bad-command', 'packet must be an object')
  const options = {}
  for (const name of NUMBER_FIELDS) options[name] = given[name]
  for (const name of BYTE_FIELDS) options[name] = bytes(given[name], name)
  options.message = given.body === undefined ? bytes(given.message, 'message') : given.body
  return Packet.from(options)
}

function summaryOf (summary) {
  const buckets = {}
  summary.buckets.forEach((sum, i) => { if (sum) buckets[i.toString(16)] = sum })
  return { prefix: summary.prefix, hash: summary.hash, buckets, encoded: hex(Cache.encodeSummary(summary)) }
}

// Runs a call of the package whose throwing means that it rejects the input.
async function rejecting (call) {
  try {
    return await call()
  } catch (err) {
    throw err instanceof Refusal ? err : new Refusal('rejected', String(err?.message ?? err))
  }
}

// ---- commands --------------------------------------------------------------

const unsupported = text => { throw new Refusal('unsupported', text) }

const commands = {
  hello: () => ({
    name: 'socket-0.6',
    version: '0.6.0-rc.8',
    wire: VERSION,
    classes: ['codec', 'peer', 'indexed', 'relay'],
    capabilities: []
  }),

  start (w) {
    if (peer) throw new Refusal('failed', 'start was given before')
    if (w.clock) unsupported('the clock cannot be moved')
    if (!Array.isArray(w.bootstrap)) throw new Refusal('bad-command', 'bootstrap must be a list')
    const address = refuseOutsideLab()
    let config = {
      peerId: w.peerId,
      port: w.port || undefined,
      probeInternalPort: w.probePort || undefined,
      clusterId: w.clusterId ? bytes(w.clusterId, 'clusterId', 32) : undefined
    }
    if (w.keepalive) config.keepalive = w.keepalive
    if (w.indexed) Object.assign(config, { indexed: true, natType: UNRESTRICTED, address: w.address || address })
    if (w.state) config = restore(w.state, config)

    const starting = new Peer(config, dgram)
    starting.peers = w.bootstrap.map(b => new RemotePeer({ ...b, indexed: true }, starting)) // in place of the built-in list
    peer = starting
    listen(w.indexed)
    peer.init()
  },

  info () {
    const { peerId, natType, address, port } = started()
    return { peerId, natType: natType ?? 0, ...(address ? { address, port } : {}) }
  },

  peers: () => ({
    peers: started().peers.map(p => ({
      ...connection(p), natType: p.natType ?? 0, connected: p.connected, indexed: p.indexed || undefined
    }))
  }),

  async join (w) {
    started()
    const sharedKey = bytes(w.sharedKey, 'sharedKey', 32)
    const subclusterId = hex((await Encryption.createKeyPair(sharedKey)).publicKey)
    joined.set(subclusterId, sharedKey)
    await peer.join(sharedKey) // only keeps the key while the type is unknown: onReady joins then
    return { subclusterId }
  },

  async publish (w) {
    const [packet] = await started().publish(sharedKeyOf(w.subclusterId), await packed(w))
    const packetIds = []
    for (let p = head(packet); p; p = peer.cache.get(hex(p.nextId))) packetIds.push(hex(p.packetId))
    return { packetIds }
  },

  async stream (w) {
    const sharedKey = sharedKeyOf(w.subclusterId)
    knownPeer(w.peerId)
    await peer.stream(w.peerId, sharedKey, await packed(w))
  },

  async query (w) {
    if (typeof w.body !== 'object' || w.body === null) throw new Refusal('bad-command', 'body must be an object')
    started().onAnswer = answer // only now: a peer that has a handler relays no answers
    await peer.query(w.body)
  },

  async sync (w) {
    knownPeer(w.peerId)
    await peer.sync(w.peerId)
  },

  async cache ({ prefix = '' }) {
    const ids = [...started().cache.data.keys()].filter(id => id.startsWith(prefix)).sort()
    return { ids, summary: summaryOf(await peer.cache.summarize(prefix, peer.cachePredicate())) }
  },

  state: async () => ({ state: started() && await save() }),

  sleep: () => unsupported('the package has no notion of sleep'),
  wake: () => unsupported('the package has no notion of waking'),

  stop () { started().close() },

  decode (w) {
    const packet = Packet.decode(bytes(w.datagram ?? '', 'datagram'))
    if (!packet) throw new Refusal('rejected', 'Packet.decode returned null')
    if (packet.version !== VERSION) throw new Refusal('rejected', `version ${packet.version}`)
    return { packet: fields(packet) }
  },

  async encode (w) {
    return { datagram: hex(await rejecting(() => Packet.encode(packetOf(w.packet)))) }
  },

  async 'packet-id' (w) {
    const message = bytes(w.message ?? '', 'message')
    const previousId = bytes(w.previousId ?? '', 'previousId')
    const id = value => sha256(value, { bytes: true })
    switch (w.rule) {
      case 'message':
        return { packetId: hex(await id(message)) }
      case 'fragment':
        return { packetId: hex(await id(Buffer.concat([await id(previousId), await id(message)]))) }
      case 'control': {
        const nextId = bytes(w.nextId ?? '', 'nextId')
        const sync = Packet.from({ type: 7, previousId, nextId, message })
        return { packetId: hex(Packet.decode(await rejecting(() => Packet.encode(sync))).packetId) }
      }
    }
    throw new Refusal('bad-command', 'rule must be control, message or fragment')
  },

  async seal (w) {
    const keys = await Encryption.createKeyPair(bytes(w.sharedKey, 'sharedKey', 32))
    return { message: hex(new Encryption().seal(bytes(w.message ?? '', 'message'), keys)) }
  },

  async open (w) {
    const keys = await Encryption.createKeyPair(bytes(w.sharedKey, 'sharedKey', 32))
    const sealed = bytes(w.message ?? '', 'message')
    return { message: hex(await rejecting(() => new Encryption().open(sealed, keys))) }
  },

  async summarize ({ keys = [], prefix = '' }) {
    const cache = new Cache(new Map(keys.map(key => [key, {}])))
    return { summary: summaryOf(await cache.summarize(prefix, () => true)) }
  }
}

// ---- main ------------------------------------------------------------------

let last = Promise.resolve() // commands are carried out in order
createInterface({ input: process.stdin })
  .on('line', line => { last = last.then(() => handle(line)) })
  .on('close', () => { last.then(() => process.exit(0)) })
