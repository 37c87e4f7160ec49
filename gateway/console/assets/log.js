// Check a transparency log as a stranger does: C2SP signed notes and checkpoints, RFC 6962 trees, tlog-proof, tlog-tiles.
// Knows no page. Every fault is a Broken with a sentence; nothing is believed that was not computed here.

export class Broken extends Error {}

const utf8 = new TextEncoder();
const HASH = 32;

export const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
export const leafHash = (entry) => sha256(Uint8Array.of(0), entry);
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);
export const equal = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function fromBase64(text) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Broken("Something that should be base64 is not.");
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

// A verifier key: NAME+HEX+BASE64, where the base64 is a type byte (1: Ed25519, 4: a witness's Ed25519) and the key, and the hex is its id.
export async function verifierKey(text, type = 1) {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim()) ?? [];
  if (!name) throw new Broken("What should be a verifier key is none.");
  const typed = fromBase64(encoded);
  if (typed.length !== 1 + HASH || typed[0] !== type) throw new Broken(`The key of ${name} is not an Ed25519 key.`);
  const computed = hex((await sha256(utf8.encode(`${name}\n`), typed)).slice(0, 4));
  if (computed !== id) throw new Broken(`The key of ${name} does not have the id that it carries.`);
  return { name, id, bytes: typed.slice(1) };
}

export async function canVerifySignatures() {
  try {
    await crypto.subtle.importKey("raw", new Uint8Array(HASH).fill(1), "Ed25519", false, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

// A signed note: text, an empty line, and signature lines "— NAME BASE64(id, signature)". Returns the checkpoint and who signed.
export async function openCheckpoint(note, key) {
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw new Broken("The head of the log is not a signed note.");
  const text = note.slice(0, split + 1);
  const [origin, size, root] = text.split("\n");
  if (origin !== key.name) throw new Broken(`The head belongs to the log “${origin}”, the key to “${key.name}”.`);
  if (!/^(0|[1-9]\d{0,14})$/.test(size ?? "")) throw new Broken("The head does not say its size.");
  const rootHash = fromBase64(root ?? "");
  if (rootHash.length !== HASH) throw new Broken("The head does not say its root.");
  let signed = false;
  const witnesses = [];
  for (const line of note.slice(split + 2).split("\n").filter(Boolean)) {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    if (!name) throw new Broken("A signature line of the head cannot be read.");
    const blob = fromBase64(encoded);
    if (name === key.name && hex(blob.slice(0, 4)) === key.id) {
      if (!(await verifies(key, blob.slice(4), text))) throw new Broken("The signature of the head is wrong.");
      signed = true;
    } else witnesses.push({ name, blob });
  }
  if (!signed) throw new Broken("The log's key has not signed this head.");
  return { origin, size: Number(size), root: rootHash, witnesses, text };
}

async function verifies(key, signature, text) {
  const imported = await crypto.subtle.importKey("raw", key.bytes, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, utf8.encode(text));
}

// c2sp.org/tlog-cosignature, version 1: id, eight bytes of time, a signature over the time and the checkpoint. Returns whom a key speaks for, and since when.
export async function cosigners(head, keys) {
  const checked = [];
  for (const { name, blob } of head.witnesses) {
    const key = keys.find((one) => one.name === name && one.id === hex(blob.slice(0, 4)));
    if (!key) {
      checked.push({ name, at: null });
      continue;
    }
    if (blob.length !== 4 + 8 + 64) throw new Broken(`The cosignature of ${name} cannot be read.`);
    const time = Number(new DataView(blob.buffer).getBigUint64(4));
    if (!(await verifies(key, blob.slice(12), `cosignature/v1\ntime ${time}\n${head.text}`))) throw new Broken(`The cosignature of ${name} is wrong.`);
    checked.push({ name, at: new Date(time * 1000).toISOString() });
  }
  return checked;
}

// RFC 9162, section 2.1.3.2.
export async function rootFromPath(leaf, index, size, path) {
  if (index >= size) throw new Broken("The proof is for an entry that the head does not reach.");
  let [node, last, hash] = [index, size - 1, leaf];
  for (const step of path) {
    if (last === 0) throw new Broken("The path to the head is too long.");
    if (node % 2 === 1 || node === last) {
      hash = await nodeHash(step, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else hash = await nodeHash(hash, step);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new Broken("The path to the head is too short.");
  return hash;
}

// c2sp.org/tlog-proof@v1: a line with the format, "index N", the path, an empty line, the signed checkpoint.
export function readProof(text) {
  const split = text.indexOf("\n\n");
  const lines = text.slice(0, split).split("\n");
  const head = text.slice(split + 2);
  const at = lines.findIndex((line) => /^index (0|[1-9]\d{0,14})$/.test(line));
  if (split < 0 || lines[0] !== "c2sp.org/tlog-proof@v1" || at < 1) throw new Broken("The proof is not a tlog-proof.");
  return { index: Number(lines[at].slice(6)), path: lines.slice(at + 1).map(fromBase64), checkpoint: head };
}

const tileName = (index) => {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0").match(/.{3}/g);
  return digits.map((part, at) => (at < digits.length - 1 ? `x${part}` : part)).join("/");
};

// Recompute the root that the log had at an older size from the tiles of today's log, and hold today's tiles to today's root.
export class Tiles {
  constructor(base, size) {
    [this.base, this.size, this.kept] = [base, size, new Map()];
  }

  async hash(level, index) {
    const [row, above] = [Math.floor(level / 8), level % 8];
    if (above) return nodeHash(await this.hash(level - 1, 2 * index), await this.hash(level - 1, 2 * index + 1));
    const tile = await this.tile(row, Math.floor(index / 256));
    const at = (index % 256) * HASH;
    if (at + HASH > tile.length) throw new Broken("A tile of the log is shorter than the log says.");
    return tile.slice(at, at + HASH);
  }

  async tile(row, index) {
    const width = Math.min(256, Math.floor(this.size / 256 ** row) - index * 256);
    const path = `tile/${row}/${tileName(index)}${width < 256 ? `.p/${width}` : ""}`;
    if (!this.kept.has(path)) {
      const answer = await fetch(this.base + path);
      if (!answer.ok) throw new Broken(`The log does not serve ${path}.`);
      this.kept.set(path, new Uint8Array(await answer.arrayBuffer()));
    }
    return this.kept.get(path);
  }

  // The root of the first `size` entries: its full subtrees, from the smallest to the largest.
  async root(size) {
    let root = null;
    for (let level = 0, rest = size; rest > 0; level++, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 0) continue;
      const subtree = await this.hash(level, rest - 1);
      root = root === null ? subtree : await nodeHash(subtree, root);
    }
    return root ?? sha256();
  }
}

const MEMORY = "custodes-heads";

export function remembered(origin) {
  try {
    const { size, root } = JSON.parse(localStorage.getItem(MEMORY) ?? "{}")[origin] ?? {};
    return Number.isSafeInteger(size) && size >= 0 ? { size, root } : null;
  } catch {
    return null;
  }
}

export function remember(head) {
  let heads = {};
  try {
    heads = JSON.parse(localStorage.getItem(MEMORY) ?? "{}");
  } catch {}
  heads[head.origin] = { size: head.size, root: hex(head.root) };
  localStorage.setItem(MEMORY, JSON.stringify(heads));
}

// Return what this browser saw last, after showing that it is part of `head`; null if it sees the log for the first time.
export async function agreesWithMemory(head, base = "/audit/") {
  const old = remembered(head.origin);
  const tiles = new Tiles(base, head.size);
  if (head.size > 0 && !equal(await tiles.root(head.size), head.root)) throw new Broken("The log's tiles do not lead to its head.");
  if (old === null) return null;
  if (old.size > head.size) throw new Broken(`This browser has seen ${old.size} entries; the log now shows ${head.size}.`);
  if (hex(await tiles.root(old.size)) !== old.root) throw new Broken(`The first ${old.size} entries are not those that this browser saw.`);
  return old;
}
