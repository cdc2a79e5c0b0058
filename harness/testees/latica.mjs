// What the adapters around @socketsupply/socket have in common, whatever its
// version: the commands of class codec, and what lies between the bytes of the
// testee protocol and the objects of the package.
import { createHash } from 'node:crypto'

import { Refusal, bytes, emit, hex, unsupported } from './testee.mjs'

const BYTE_FIELDS = ['clusterId', 'subclusterId', 'previousId', 'packetId', 'nextId', 'usr1', 'usr2', 'usr3', 'usr4', 'sig']
const NUMBER_FIELDS = ['type', 'version', 'clock', 'hops', 'index', 'ttl']

const STRATEGIES = {
  STRATEGY_DIRECT_CONNECT: 'direct',
  STRATEGY_DEFER: 'defer',
  STRATEGY_TRAVERSAL_OPEN: 'open',
  STRATEGY_TRAVERSAL_CONNECT: 'connect',
  STRATEGY_PROXY: 'proxy'
}

// What the package has only inside its running peer.
const inPeerOnly = () => unsupported('the package has no such function of its own')

// Takes the package's own classes and functions. packet makes a packet of the
// given fields, and throws where the package would not make it; Buffer is what
// its sockets give it.
export function latica ({ Packet, Cache, Encryption, NAT, sodium, sha256, CACHE_TTL, VERSION, Buffer: DatagramBuffer, packet: make }) {
  const sha = value => sha256(value, { bytes: true })

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
    return make(options)
  }

  function summaryOf (summary) {
    const buckets = {}
    summary.buckets.forEach((sum, i) => { if (sum) buckets[i.toString(16)] = sum })
    return { prefix: summary.prefix, hash: summary.hash, buckets, encoded: hex(Cache.encodeSummary(summary)) }
  }

  const codec = {
    decode (w) {
      const packet = Packet.decode(DatagramBuffer.from(bytes(w.datagram ?? '', 'datagram')))
      if (!packet) throw new Refusal('rejected', 'Packet.decode returned null')
      if (packet.version !== VERSION) throw new Refusal('rejected', `version ${packet.version}`)
      // 0.5 decodes them, and its peer has nothing to do for them.
      if (packet.type < 1 || packet.type > 8) throw new Refusal('rejected', `type ${packet.type}`)
      return { packet: fields(packet) }
    },

    async encode (w) {
      return { datagram: hex(await rejecting(() => Packet.encode(packetOf(w.packet)))) }
    },

    async 'packet-id' (w) {
      const message = bytes(w.message ?? '', 'message')
      const previousId = bytes(w.previousId ?? '', 'previousId')
      switch (w.rule) {
        case 'message':
          return { packetId: hex(await sha(message)) }
        case 'fragment':
          return { packetId: hex(await sha(Buffer.concat([await sha(previousId), await sha(message)]))) }
        case 'control': {
          const nextId = bytes(w.nextId ?? '', 'nextId')
          const sync = make({ type: 7, previousId, nextId, message })
          return { packetId: hex(Packet.decode(await rejecting(() => Packet.encode(sync))).packetId) }
        }
      }
      throw new Refusal('bad-command', 'rule must be control, message or fragment')
    },

    async derive (w) {
      const message = bytes(w.message ?? '', 'message')
      switch (w.rule) {
        case 'event':
          return { value: hex(await sha(message)) }
        case 'shared-key':
          return { value: hex(await Encryption.createSharedKey(message)) }
        case 'subcluster':
        case 'encryption': {
          const { publicKey } = await rejecting(() => Encryption.createKeyPair(message))
          return { value: hex(w.rule === 'subcluster' ? publicKey : sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey)) }
        }
      }
      throw new Refusal('bad-command', 'rule must be event, shared-key, subcluster or encryption')
    },

    async sign (w) {
      const { publicKey, privateKey } = await Encryption.createKeyPair(bytes(w.signingSeed, 'signingSeed', 32))
      return { usr2: hex(publicKey), sig: hex(Encryption.sign(bytes(w.message ?? '', 'message'), privateKey)) }
    },

    async verify (w) {
      const [message, sig, usr2] = ['message', 'sig', 'usr2'].map(name => bytes(w[name] ?? '', name))
      await sodium.ready
      return { verified: await rejecting(() => Encryption.verify(message, sig, usr2)) }
    },

    strategy ({ natType = 0, other = 0 }) {
      return { strategy: STRATEGIES[NAT.toStringStrategy(NAT.connectionStrategy(natType, other))] }
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
    },

    split: inPeerOnly,
    compose: inPeerOnly,
    'nat-type': inPeerOnly,
    negotiate: inPeerOnly
  }

  // What the application layer adds to a message before it is sealed.
  async function packed ({ event, message, ttl, signingSeed }) {
    const args = { message: bytes(message, 'message') }
    if (ttl) args.ttl = Math.min(ttl, CACHE_TTL)
    if (event) args.usr1 = await sha(event)
    if (signingSeed) {
      const signing = await Encryption.createKeyPair(bytes(signingSeed, 'signingSeed', 32))
      args.usr2 = Buffer.from(signing.publicKey)
      args.sig = Buffer.from(Encryption.sign(args.message, signing.privateKey))
    }
    return args
  }

  // Saved state is what the package's constructor takes back. How it is written
  // down is left to the application; this one writes its SHA-256 before it.
  async function save (peer) {
    const { config, data, unpublished } = peer.getState()
    const packets = []
    for (const [, packet] of data) packets.push([packet.timestamp, hex(await Packet.encode(packet))])
    const text = Buffer.from(JSON.stringify({ clock: config.clock, packets, unpublished }))
    return { state: hex(createHash('sha256').update(text).digest()) + hex(text) }
  }

  // Gives what the constructor takes: the configuration alone where the state
  // can't be read, which is reported.
  function restore (state, config) {
    const text = bytes(state, 'state').subarray(32)
    if (hex(createHash('sha256').update(text).digest()) !== state.slice(0, 64)) {
      emit('error', { text: 'the saved state is corrupt: its SHA-256 is another one' })
      return config
    }
    const { clock, packets, unpublished } = JSON.parse(text.toString())
    const data = packets.map(([timestamp, datagram]) => {
      const packet = Object.assign(Packet.decode(DatagramBuffer.from(datagram, 'hex')), { timestamp })
      return [hex(packet.packetId), packet]
    })
    return { config: { ...config, clock }, data, unpublished }
  }

  return { codec, packed, summaryOf, save, restore }
}

// Runs a call of the package whose throwing means that it rejects the input.
async function rejecting (call) {
  try {
    return await call()
  } catch (err) {
    throw err instanceof Refusal ? err : new Refusal('rejected', String(err?.message ?? err))
  }
}

export function connection ({ peerId, address, port, natType, proxy }) {
  // The package records whatever a body says: a type can be a string.
  const type = Number.isInteger(natType) ? natType : undefined
  return { peerId, address, port, natType: type, proxy: proxy?.peerId }
}

export const peers = peer => ({
  peers: peer.peers.map(p => ({
    natType: 0, ...connection(p), connected: p.connected, indexed: p.indexed || undefined, subclusters: subclusters(p)
  }))
})

// The subclusters that a peer is in, by the table which the package keeps of
// it: an unset id, of one byte, is in there too.
function subclusters ({ clusters }) {
  return Object.values(clusters).flatMap(Object.keys).map(id => hex(Buffer.from(id, 'base64'))).filter(id => id.length === 64)
}

export function info ({ peerId, natType, address, port }) {
  return { peerId, natType: natType ?? 0, ...(address ? { address, port } : {}) }
}

// The head of a fragmented message that the package composed: the composed
// packet has an id of its own, and the links of whichever part came last.
export function head (packet, cache) {
  if (!packet.isComposed) return packet
  return [...cache.data.values()].find(p => p.index === 0 &&
    (hex(p.packetId) === hex(packet.previousId) || hex(p.nextId) === hex(packet.nextId)))
}
