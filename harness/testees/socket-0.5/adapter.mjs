// Puts the JavaScript peer of @socketsupply/socket 0.5 under test. The peer is
// used as the package's own application layer (stream-relay/sugar.js) uses it.
import dgram from 'node:dgram'

import { connection, head, info, latica, peers } from '../latica.mjs'
import { Refusal, bytes, emit, hex, refuseOutsideLab, serve, unsupported } from '../testee.mjs'

// Node.js 21 has a navigator of its own that says nothing of being online,
// which the package takes for being offline.
if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'onLine', { value: true })

const base = '@socketsupply/socket/stream-relay'
const { Buffer: PackageBuffer } = await import('@socketsupply/socket/buffer.js')
const { wrap, RemotePeer, Cache, Encryption, NAT, sha256 } = await import(`${base}/index.js`)
const { sodium } = await import('@socketsupply/socket/crypto.js')
const { Packet, CACHE_TTL, VERSION } = await import(`${base}/packets.js`)

const UNRESTRICTED = 31

// Its relays encode plain packets of any fields; only what it makes of its own
// accord has a class, and with it some checks.
const { codec, packed, summaryOf, save, restore } = latica({
  Packet, Cache, Encryption, NAT, sodium, sha256, CACHE_TTL, VERSION, Buffer: PackageBuffer, packet: options => new Packet(options)
})

// The sockets of the package's own runtime hand over Buffers of its own. It
// takes a Buffer of Node.js for the whole memory that lies below it, and
// composes rubbish.
const sockets = {
  createSocket (...args) {
    const socket = dgram.createSocket(...args)
    const { emit } = socket
    socket.emit = (event, value, ...more) => emit.call(socket, event, event === 'message' ? PackageBuffer.from(value) : value, ...more)
    return socket
  }
}

let peer = null // after start
const joined = new Map() // subclusterId in hex -> shared key

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

// ---- events ----------------------------------------------------------------

function nat () {
  emit('nat', { natType: peer.natType, address: peer.address, port: peer.port })
}

// Opens a message as stream-relay/sugar.js does: one that cannot be opened, or
// whose signature cannot be checked, reaches the application as undefined.
function received (event, packet, more) {
  if (hex(packet.clusterId) !== hex(peer.clusterId ?? []) || !joined.has(hex(packet.subclusterId))) return
  let message, verified
  try {
    message = peer.encryption.open(packet.message, packet.subclusterId.toString('base64'))
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

function listen (indexed) {
  peer.onListening = () => {
    if (indexed) peer.port = peer.config.port
    emit('ready', { peerId: peer.peerId, port: peer.config.port, probePort: peer.config.probeInternalPort })
    if (indexed) nat()
  }
  peer.onNat = nat
  peer.onReady = () => { for (const sharedKey of joined.values()) peer.join(sharedKey) }
  peer.onConnection = (packet, other) => emit('connection', connection(other))
  peer.onDisconnect = removed => { for (const { peerId } of removed) emit('disconnection', { peerId }) }
  peer.onError = err => emit('error', { text: String(err?.message ?? err) })
  peer.onPacket = (packet, port, address, own) => {
    if (own) return
    const { packetId } = head(packet, peer.cache)
    received('packet', packet, { packetId: hex(packetId), clusterId: hex(packet.clusterId), hops: packet.hops })
  }
  peer.onStream = (packet, from) => received('stream', packet, { peerId: from.peerId })
}

function answer (message, packet) {
  const content = ArrayBuffer.isView(message) ? { message: hex(message) } : { body: message }
  emit('answer', { packetId: hex(packet.packetId), ...content })
}

// ---- commands --------------------------------------------------------------

serve({
  hello: () => ({
    name: 'socket-0.5',
    version: '0.5.4',
    wire: VERSION,
    classes: ['codec', 'peer', 'indexed', 'relay'],
    capabilities: ['state', 'members']
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

    const Peer = wrap(sockets)
    const starting = new Peer(config)
    starting.peers = w.bootstrap.map(b => new RemotePeer({ ...b, indexed: true }, starting)) // in place of the built-in list
    peer = starting
    listen(w.indexed)
    peer.init()
  },

  info: () => info(started()),
  peers: () => peers(started()),

  async join (w) {
    started()
    const sharedKey = bytes(w.sharedKey, 'sharedKey', 32)
    const subclusterId = hex((await Encryption.createKeyPair(sharedKey)).publicKey)
    joined.set(subclusterId, sharedKey)
    await peer.join(sharedKey) // only keeps the key while the type is unknown: onReady joins then
    return { subclusterId }
  },

  async publish (w) {
    const packets = await started().publish(sharedKeyOf(w.subclusterId), await packed(w))
    return { packetIds: packets.map(p => hex(p.packetId)) }
  },

  async stream (w) {
    const sharedKey = sharedKeyOf(w.subclusterId)
    await knownPeer(w.peerId).write(sharedKey, await packed(w))
  },

  async query (w) {
    if (typeof w.body !== 'object' || w.body === null) throw new Refusal('bad-command', 'body must be an object')
    started().onAnswer = answer // only now: a peer that has a handler relays no answers
    await peer.query(w.body)
  },

  async sync (w) { await peer.sync(knownPeer(w.peerId)) },

  async cache ({ prefix = '' }) {
    const ids = [...started().cache.data.keys()].filter(id => id.startsWith(prefix)).sort()
    return { ids, summary: summaryOf(await peer.cache.summarize(prefix, peer.cachePredicate)) }
  },

  state: () => save(started()),
  sleep: () => unsupported('the package has no notion of sleep'),
  wake: () => unsupported('the package has no notion of waking'),
  stop () { started().close() },

  ...codec
})
