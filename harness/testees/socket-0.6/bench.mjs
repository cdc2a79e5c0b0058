// Times the package's own codec and cache summary for the benchmarks in
// harness/bench. Opens no socket.
//
//   node bench.mjs decode|encode HEX-OF-DATAGRAM
//   node bench.mjs summary COUNT-OF-PACKETS
//
// prints nanoseconds per operation.
import { Console } from 'node:console'
import { createHash } from 'node:crypto'

globalThis.console = new Console(process.stderr, process.stderr)

const { Cache, Peer } = await import('@socketsupply/socket/latica/index.js')
const { Packet } = await import('@socketsupply/socket/latica/packets.js')

const WARM_UP = 300e6 // ns
const MEASURE = 1e9 // ns

const [operation, argument] = process.argv.slice(2)

const operations = {
  decode () {
    const datagram = Buffer.from(argument, 'hex')
    if (!Packet.decode(datagram)) throw new Error('the datagram is rejected')
    return () => { Packet.decode(datagram) }
  },

  encode () {
    const packet = Packet.decode(Buffer.from(argument, 'hex'))
    return () => Packet.encode(packet)
  },

  // One more packet, and the summary of what is then a full cache.
  summary () {
    const key = i => createHash('sha256').update(String(i)).digest('hex')
    const packet = Packet.from({ type: 5 })
    const cache = new Cache()
    let next = 0
    while (cache.size < Number(argument) - 1) cache.insert(key(next++), packet)
    const predicate = Peer.prototype.cachePredicate()
    let last
    return async () => {
      cache.delete(last)
      last = key(next++)
      cache.insert(last, packet)
      await cache.summarize('', predicate)
    }
  }
}

const once = operations[operation]()

async function run (atLeast) {
  const begun = process.hrtime.bigint()
  for (let n = 1; ; n++) {
    const pending = once()
    if (pending) await pending
    const spent = Number(process.hrtime.bigint() - begun)
    if (spent >= atLeast) return spent / n
  }
}

await run(WARM_UP)
process.stdout.write(`${await run(MEASURE)}\n`)
