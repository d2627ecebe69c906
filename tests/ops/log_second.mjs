// tests/ops/log_second.mjs - reads and verifies a log with nothing of ours:
// node's own SHA-256 and Ed25519, written from RFC 6962 and C2SP's documents.
//
// usage: node log_second.mjs FOLDER VKEY [PROOF RECORD]
// Prints the size of the tree; the entries go to standard output with --entries.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, vkey, proofFile, recordFile] = process.argv.slice(2);

function fail(text) {
  console.error("log_second: " + text);
  process.exit(1);
}

const sha = (...parts) => {
  const h = createHash("sha256");
  for (const part of parts) h.update(part);
  return h.digest();
};
const leafHash = (entry) => sha(Buffer.from([0]), entry);
const nodeHash = (l, r) => sha(Buffer.from([1]), l, r);

// MTH of RFC 6962 section 2.1, by its recursive definition.
function root(hashes, from = 0, to = hashes.length) {
  if (from === to) return sha(Buffer.alloc(0));
  if (to - from === 1) return hashes[from];
  let k = 1;
  while (k * 2 < to - from) k *= 2;
  return nodeHash(root(hashes, from, from + k), root(hashes, from + k, to));
}

function readKey(text) {
  const [name, id, rest] = text.trim().split(/\+(.*)/s)
    .flatMap((part, i) => (i === 1 ? part.split(/\+(.*)/s) : [part]))
    .filter((part) => part !== "");
  const typed = Buffer.from(rest, "base64");
  const want = sha(Buffer.from(name + "\n"), typed).subarray(0, 4);
  if (want.toString("hex") !== id || typed[0] !== 1) fail("bad key " + name);
  const key = createPublicKey({
    format: "jwk",
    key: { kty: "OKP", crv: "Ed25519", x: typed.subarray(1).toString("base64url") },
  });
  return { name, id: want, key };
}

function openNote(bytes, key) {
  const at = bytes.lastIndexOf("\n\n");
  const text = bytes.subarray(0, at + 1);
  for (const line of bytes.subarray(at + 2).toString().split("\n")) {
    const [dash, name, base64] = line.split(" ");
    if (dash !== "\u2014" || name !== key.name) continue;
    const raw = Buffer.from(base64, "base64");
    if (!raw.subarray(0, 4).equals(key.id)) continue;
    if (!verify(null, text, key.key, raw.subarray(4))) fail("bad signature");
    const [origin, size, hash] = text.toString().split("\n");
    if (origin !== key.name) fail("origin " + origin);
    return { size: Number(size), root: Buffer.from(hash, "base64") };
  }
  return fail("no signature by " + key.name);
}

function tilePath(level, n, width) {
  let path = String(n % 1000).padStart(3, "0");
  for (n = Math.floor(n / 1000); n > 0; n = Math.floor(n / 1000))
    path = "x" + String(n % 1000).padStart(3, "0") + "/" + path;
  return join("tile", String(level), path) + (width < 256 ? ".p/" + width : "");
}

function readTile(level, n, count) {
  const width = Math.min(256, count - n * 256);
  return readFileSync(join(folder, tilePath(level, n, width)));
}

function readEntries(size) {
  const entries = [];
  for (let n = 0; n * 256 < size; n++) {
    const bundle = readTile("entries", n, size);
    let at = 0;
    while (at < bundle.length) {
      const len = bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, at + 2 + len));
      at += 2 + len;
    }
  }
  return entries;
}

// Every hash tile, from the entries up.
function checkTiles(hashes) {
  for (let level = 0; hashes.length > 0; level++) {
    const above = [];
    for (let n = 0; n * 256 < hashes.length; n++) {
      const want = hashes.slice(n * 256, n * 256 + 256);
      if (!readTile(level, n, hashes.length).equals(Buffer.concat(want)))
        fail(`tile ${level}/${n} is not what the entries give`);
      if (want.length === 256) above.push(root(want));
    }
    hashes = above;
  }
}

// RFC 9162 section 2.1.3.2.
function inclusionHolds(index, size, leaf, path, want) {
  let fn = index, sn = size - 1, r = leaf;
  for (const hash of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(hash, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, hash);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && r.equals(want);
}

function checkProof(key) {
  const bytes = readFileSync(proofFile);
  const text = bytes.toString();
  const empty = text.indexOf("\n\n");
  const [head, index, ...hashes] = text.slice(0, empty).split("\n");
  if (head !== "c2sp.org/tlog-proof@v1") fail("no proof");
  const checkpoint = openNote(bytes.subarray(Buffer.byteLength(
    text.slice(0, empty + 2))), key);
  const record = readFileSync(recordFile).toString().replace(/\n$/, "");
  if (!inclusionHolds(Number(index.slice(6)), checkpoint.size,
    leafHash(Buffer.from(record)), hashes.map((h) => Buffer.from(h, "base64")),
    checkpoint.root)) fail("the proof does not hold");
}

const key = readKey(readFileSync(vkey).toString());
if (proofFile) {
  checkProof(key);
  console.log("proved");
} else {
  const checkpoint = openNote(readFileSync(join(folder, "checkpoint")), key);
  const entries = readEntries(checkpoint.size);
  if (entries.length !== checkpoint.size) fail("entries: " + entries.length);
  const hashes = entries.map(leafHash);
  if (!root(hashes).equals(checkpoint.root)) fail("the root is another one");
  checkTiles(hashes);
  for (const entry of entries) console.log(entry.toString());
}
