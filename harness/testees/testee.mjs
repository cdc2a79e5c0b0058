// The testee protocol of spec/testee.md, for adapters in JavaScript: commands
// come in and replies and events go out as JSON, one object a line, on stdin
// and stdout.
//
// Only what a command's own call throws becomes a reply. What a peer throws by
// itself is not caught anywhere: Node.js then ends the process, as it does for
// every user of the package, and that is for the suite to judge.
import { Console } from 'node:console'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'

// Packages log to the console; stdout belongs to the testee protocol.
globalThis.console = new Console(process.stderr, process.stderr)

const MAX_LINE = 1 << 20

export class Refusal extends Error {
  constructor (code, text) {
    super(text)
    this.code = code
  }
}

export const unsupported = text => { throw new Refusal('unsupported', text) }

// ---- lines -----------------------------------------------------------------

function write (message, done) {
  process.stdout.write(JSON.stringify(message) + '\n', done)
}

export const emit = (event, parameters) => write({ event, ...parameters })

// Carries out commands, in the order in which they come, until stdin ends. A
// command is a function of its parameters, and gives the value of ok.
export function serve (commands) {
  let last = Promise.resolve()
  createInterface({ input: process.stdin })
    .on('line', line => { last = last.then(() => handle(line, commands)) })
    .on('close', () => { last.then(() => process.exit(0)) })
}

async function handle (line, commands) {
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

export const hex = value => Buffer.from(value).toString('hex')

// A byte string written as hex; size is its length in bytes where it is fixed.
export function bytes (value, name, size) {
  if (typeof value !== 'string' || !/^([0-9a-f]{2})*$/.test(value)) throw new Refusal('bad-command', `${name} must be lower-case hex`)
  if (size !== undefined && value.length !== 2 * size) throw new Refusal('bad-command', `${name} must have ${size} bytes`)
  return Buffer.from(value, 'hex')
}

// A peer that knows a public network may speak only inside a lab. The lab says
// which addresses the host has; a process that it failed to put there finds
// others, and stays silent. Gives the host's first address.
export function refuseOutsideLab () {
  const lab = process.env.PUNCHLIST_LAB
  if (!lab) throw new Refusal('failed', 'this peer is started only inside a lab, and PUNCHLIST_LAB is not set')
  const real = Object.values(networkInterfaces()).flat().filter(a => a.family === 'IPv4' && !a.internal).map(a => a.address)
  const said = lab.split(',').filter(address => !address.startsWith('127.'))
  if (real.sort().join() !== said.sort().join()) {
    throw new Refusal('failed', `this peer is started only inside a lab: PUNCHLIST_LAB says ${lab}, the machine has ${real.join() || 'no address'}`)
  }
  return real[0] ?? '127.0.0.1'
}
