"use strict";
// Check one bundle of evidence in the browser that shows it. No network, no storage; whatever an entry says is text and nothing else.
// The order is that of a doubter: the key, what it signed, whether each entry is under that, and only then what the entries say.
(() => {
  const GOOD = "good", BAD = "bad", OPEN = "open";
  const utf8 = new TextEncoder(), text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
  const at = (id) => document.getElementById(id);

  class Wrong extends Error {}
  class Unable extends Error {}
  const must = (holds, sentence) => { if (!holds) throw new Wrong(sentence); };

  function bytesOf(base64) {
    must(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64), "This is not base64.");
    const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    must(btoa(String.fromCharCode(...raw.subarray(0, 60000))) === base64 || raw.length > 60000, "This is not the canonical base64 of its value.");
    return raw;
  }
  function fromHex(digits) {
    must(typeof digits === "string" && /^(?:[0-9a-f]{2})+$/.test(digits), "This is not hexadecimal.");
    return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
  }
  function joined(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let place = 0;
    for (const part of parts) { whole.set(part, place); place += part.length; }
    return whole;
  }
  const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
  const hmac = async (nonce, value) => {
    const key = await crypto.subtle.importKey("raw", nonce, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, value));
  };
  async function signed(publicKey, signature, message) {
    let key;
    try {
      key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    } catch (fault) {
      throw new Unable("This browser cannot check Ed25519 signatures. Use a newer one (Chrome 137, Firefox 129, Safari 17), or the command in README.txt.");
    }
    return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
  }

  // C2SP signed notes, checkpoints and tlog-proofs, in as much as a reader needs.
  async function verifierKey(line) {
    const [name, stated, ...rest] = line.split("+"), raw = bytesOf(rest.join("+"));
    must(name && /^[0-9a-f]{8}$/.test(stated || ""), "The verifier key is malformed.");
    const id = (await sha256(utf8.encode(name), Uint8Array.of(10), raw)).subarray(0, 4);
    must(hex(id) === stated, `The verifier key states the key ID ${stated}, but its own is ${hex(id)}: it was altered.`);
    return { name, id, type: raw[0], raw: raw.subarray(1), text: line };
  }
  function note(whole) {
    const gap = whole.lastIndexOf("\n\n");
    must(gap > 0 && whole.endsWith("\n"), "The checkpoint is no signed note.");
    const signatures = whole.slice(gap + 2, -1).split("\n").map((line) => {
      const [dash, name, blob, ...more] = line.split(" ");
      must(dash === "\u2014" && name && blob && !more.length, "A signature line of the checkpoint is malformed.");
      const raw = bytesOf(blob);
      return { name, id: raw.subarray(0, 4), blob: raw.subarray(4) };
    });
    return { text: whole.slice(0, gap + 1), signatures };
  }
  function checkpoint(noteText) {
    const lines = noteText.split("\n");
    must(lines.length >= 4 && /^(0|[1-9][0-9]{0,14})$/.test(lines[1]), "The checkpoint is malformed.");
    const root = bytesOf(lines[2]);
    must(root.length === 32, "The checkpoint holds no root.");
    return { origin: lines[0], size: Number(lines[1]), root };
  }
  function tlogProof(whole) {
    const gap = whole.indexOf("\n\n"), lines = whole.slice(0, gap).split("\n");
    must(gap > 0 && lines[0] === "c2sp.org/tlog-proof@v1" && /^index (0|[1-9][0-9]{0,14})$/.test(lines[1] || ""), "The proof is malformed.");
    const hashes = lines.slice(2).map(bytesOf);
    must(hashes.every((hash) => hash.length === 32), "A hash in the proof is not of 32 bytes.");
    return { index: Number(lines[1].slice(6)), hashes, checkpoint: whole.slice(gap + 2) };
  }
  // RFC 9162, section 2.1.3.2.
  async function rootOver(leaf, index, size, hashes) {
    must(index < size, "The proof is for an entry that the checkpoint does not cover.");
    let place = index, last = size - 1, node = leaf;
    for (const sibling of hashes) {
      must(last > 0, "The proof is too long.");
      if (place % 2 === 1 || place === last) {
        node = await sha256(Uint8Array.of(1), sibling, node);
        while (place % 2 === 0 && place !== 0) { place /= 2; last = Math.floor(last / 2); }
      } else {
        node = await sha256(Uint8Array.of(1), node, sibling);
      }
      place = Math.floor(place / 2);
      last = Math.floor(last / 2);
    }
    must(last === 0, "The proof is too short.");
    return node;
  }

  // What is shown. Letters that move, hide or turn other letters are written out.
  const plain = (value) => String(value).replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (letter) => "\\u" + letter.charCodeAt(0).toString(16).padStart(4, "0"));
  function element(tag, content, kind) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (content !== undefined) made.textContent = plain(content);
    return made;
  }
  function fact(term, ...values) {
    const shown = values.filter((value) => value !== undefined && value !== null && value !== "");
    if (!shown.length) return;
    at("story").append(element("dt", term), element("dd", shown.join(" ")));
  }

  const results = [];
  const SIGNS = { [GOOD]: ["\u2713", "holds"], [BAD]: ["\u2717", "does not hold"], [OPEN]: ["?", "could not be checked"] };
  function show(state, what, why) {
    results.push(state);
    const item = element("li", undefined, state), sign = element("span", SIGNS[state][0], "sign"), body = element("div");
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", SIGNS[state][1]);
    body.append(element("p", what, "what"), element("p", why, "why"));
    item.append(sign, body);
    at("steps").append(item);
  }
  async function step(what, check) {
    try {
      show(GOOD, what, await check());
      return true;
    } catch (fault) {
      if (fault instanceof Unable) show(OPEN, what, fault.message);
      else show(BAD, what, fault instanceof Wrong ? fault.message : "It cannot be read.");
      return false;
    }
  }

  // Who is said to have seen that head: each line of a named witness must hold, and the quorum is counted from those that do.
  async function witnesses(raw, signedNote) {
    let policy;
    const seen = new Map(), silent = [], unable = [];
    if (!await step("The witnesses are named", async () => {
      policy = await witnessPolicy(new TextDecoder().decode(raw));
      return `The operator relies on ${[...policy.witnesses.keys()].join(", ")}. Whether you trust them, only you can say.`;
    })) return;
    for (const [name, witness] of policy.witnesses) {
      const mine = object(signedNote).signatures ? signedNote.signatures.filter((one) => one.name === witness.name && same(one.id, witness.id)) : [];
      if (!mine.length) { silent.push(name); continue; }
      await step(`The witness ${name} has seen that head`, async () => {
        if (witness.type !== 4) {
          unable.push(name);
          throw new Unable(`This page cannot check signatures of the kind that ${witness.name} gives; the command in README.txt can.`);
        }
        let latest = 0;
        for (const one of mine) {
          must(one.blob.length === 72, `The signature of ${witness.name} is malformed.`);
          const time = new DataView(one.blob.buffer, one.blob.byteOffset).getBigUint64(0);
          must(time < 253402300800n, `The signature of ${witness.name} states a time that no clock shows.`);
          must(await signed(witness.raw, one.blob.subarray(8), utf8.encode(`cosignature/v1\ntime ${time}\n${signedNote.text}`)), `The signature of ${witness.name} does not belong to this checkpoint and this time: one of them was altered.`);
          latest = Math.max(latest, Number(time));
        }
        seen.set(name, latest);
        return `${witness.name} states that it saw this head, as the largest of one history, at ${moment(latest)}.`;
      });
    }
    await step("Enough witnesses have seen that head", async () => {
      const without = silent.length ? ` No signature is there of ${silent.join(", ")}.` : "";
      const by = [...seen].map(([name, time]) => `${name} at ${moment(time)}`).join(", ") || "nobody";
      if (policy.quorum === "none") return `The operator\u2019s policy asks for none. Seen by ${by}.${without}`;
      if (quorumMet(policy, [...seen.keys()])) return `The quorum \u201c${policy.quorum}\u201d holds: ${by}.${without}`;
      if (unable.length && quorumMet(policy, [...seen.keys(), ...unable])) throw new Unable(`Whether the quorum \u201c${policy.quorum}\u201d holds rests on ${unable.join(", ")}.`);
      throw new Wrong(`The quorum \u201c${policy.quorum}\u201d does not hold: seen by ${by}.${without}`);
    });
  }
  // C2SP tlog-policy, in as much as a bundle carries of it: each line may refer only to names above it.
  async function witnessPolicy(whole) {
    const found = { witnesses: new Map(), groups: new Map(), quorum: undefined }, keys = new Set();
    const known = (name) => found.witnesses.has(name) || found.groups.has(name);
    for (const line of whole.split("\n")) {
      const [word, name, ...rest] = line.split(/[ \t]+/).filter(Boolean);
      if (word === undefined || word.startsWith("#") || word === "log") continue;
      if (word === "witness") {
        must(name && name !== "none" && !known(name) && rest.length >= 1 && rest.length <= 2, "A witness is malformed, or named twice.");
        const key = await verifierKey(rest[0]);
        must(key.type === 4 || key.type === 6, `The key of ${name} is no witness\u2019s.`);
        must(!keys.has(hex(key.raw)), `The key of ${name} is listed twice.`);
        keys.add(hex(key.raw));
        found.witnesses.set(name, key);
      } else if (word === "group") {
        const [asked, ...members] = rest, count = { any: 1, all: members.length }[asked] || (/^[1-9][0-9]{0,5}$/.test(asked || "") ? Number(asked) : 0);
        must(name && name !== "none" && !known(name) && members.every(known) && count >= 1 && count <= members.length, "A group of witnesses is malformed.");
        found.groups.set(name, { count, members });
      } else {
        must(word === "quorum" && found.quorum === undefined && !rest.length && (name === "none" || known(name)), "The quorum of witnesses is malformed.");
        found.quorum = name;
      }
    }
    must(found.quorum !== undefined, "The policy names no quorum.");
    return found;
  }
  function quorumMet(policy, names) {
    const counted = new Set(names);
    for (const [name, { count, members }] of policy.groups) if (members.filter((one) => counted.has(one)).length >= count) counted.add(name);
    return counted.has(policy.quorum);
  }
  const moment = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

  const CLOSES = ["outcome", "abandoned"], DECIDES = ["intent", "denial", "check"];
  const object = (value) => (value !== null && typeof value === "object" ? value : {});

  async function run() {
    const data = JSON.parse(at("evidence").textContent), files = {};
    for (const [name, content] of Object.entries(data.files)) files[name] = bytesOf(content);
    const file = (name) => { must(files[name], `${name} is missing.`); return files[name]; };
    const indexes = Object.keys(files).filter((name) => name.startsWith("entries/")).sort().map((name) => name.slice(8, -5));
    at("title").textContent = "Evidence for one decision";
    at("whom").textContent = plain(`Decision ${data.decision_id}, packed for: ${data.reader}`);

    let key, head;
    await step("The log\u2019s key is whole", async () => {
      key = await verifierKey(text(file("log.vkey")).trimEnd());
      must(key.type === 1 && key.raw.length === 32, "It is not an Ed25519 key.");
      at("key").textContent = plain(key.text);
      return `It is the key of ${key.name}, with the key ID ${hex(key.id)}. Whether it is the true one, only you can say: compare it above.`;
    });
    let signedNote;
    await step("The log has signed its head", async () => {
      must(key, "Without a key nothing is signed.");
      signedNote = note(text(file("checkpoint")));
      head = checkpoint(signedNote.text);
      must(head.origin === key.name, `The checkpoint is of the log ${head.origin}, the key of ${key.name}.`);
      const mine = signedNote.signatures.filter((one) => one.name === key.name && same(one.id, key.id));
      must(mine.length, "The checkpoint does not carry a signature of this key.");
      for (const one of mine) must(await signed(key.raw, one.blob, utf8.encode(signedNote.text)), "The signature does not belong to this checkpoint: one of the two was altered.");
      return `${head.size} entries of ${head.origin} have the root ${hex(head.root)}.`;
    });
    if (files["witnesses.policy"]) await witnesses(files["witnesses.policy"], signedNote);
    else if (signedNote) fact("Witnesses", "this file names none: no quorum had seen this head when it was packed");

    const story = [];
    for (const padded of indexes) {
      const index = Number(padded);
      await step(`Entry ${index} is in the log, byte for byte`, async () => {
        must(head, "Without a checkpoint nothing can be in it.");
        const raw = file(`entries/${padded}.json`), proof = tlogProof(text(file(`proofs/${padded}.tlog-proof`)));
        must(proof.index === index, `The proof is for entry ${proof.index}.`);
        must(same(utf8.encode(proof.checkpoint), file("checkpoint")), "The proof rests on another checkpoint.");
        const leaf = await sha256(Uint8Array.of(0), raw);
        must(same(await rootOver(leaf, index, head.size, proof.hashes), head.root), "Entry and proof do not lead to the root that was signed: one of them was altered.");
        story.push({ index, padded, raw, entry: JSON.parse(text(raw)) });
        return `Its hash ${hex(leaf)}, with ${proof.hashes.length} hashes of its neighbours, leads to the signed root.`;
      });
    }

    for (const one of story) {
      const opened = files[`openings/${one.padded}.json`];
      if (opened) await step(`What entry ${one.index} veils is what it says here`, async () => {
        one.opened = JSON.parse(text(opened));
        for (const [path, { nonce, value }] of Object.entries(one.opened)) {
          const stands = path.split("/").slice(1).reduce((inner, name) => (Object.hasOwn(object(inner), name) ? inner[name] : undefined), one.entry);
          must(typeof stands === "string" && stands.startsWith("commitment:"), `There is nothing veiled at ${path}.`);
          must(fromHex(nonce).length === 32 && hex(await hmac(fromHex(nonce), utf8.encode(value))) === stands.slice(11), `The value at ${path} is not the one that the entry was written with.`);
        }
        const count = Object.keys(one.opened).length;
        return `${count} ${count === 1 ? "value is" : "values are"} opened, and each belongs to its commitment.`;
      });
    }

    const named = new Map(story.filter((one) => typeof one.entry.rulebook === "string").map((one) => [one.entry.rulebook, one.index]));
    const rules = new Map();
    for (const digest of new Set([...named.keys(), ...Object.keys(files).filter((name) => name.startsWith("rulebooks/")).map((name) => name.slice(10, -5))])) {
      await step("The rules are those that were in force", async () => {
        must(named.has(digest), `No entry names the rulebook ${digest}.`);
        const raw = file(`rulebooks/${digest}.json`);
        must(hex(await sha256(raw)) === digest, "The text of the rulebook was altered: it does not have the digest that the entry names.");
        for (const rule of JSON.parse(text(raw)).rules || []) rules.set(rule.rule, rule);
        return `Entry ${named.get(digest)} names the rulebook ${digest}, and this is its text.`;
      });
    }

    const mine = story.filter((one) => one.entry.decision_id !== undefined), first = mine.find((one) => DECIDES.includes(one.entry.kind));
    await step("The entries belong together", async () => {
      must(first, "None of the entries is a decision.");
      must(mine.every((one) => one.entry.decision_id === data.decision_id), "An entry is of another decision.");
      must(mine.filter((one) => DECIDES.includes(one.entry.kind)).length === 1, "A decision is made once.");
      const closed = mine.filter((one) => CLOSES.includes(one.entry.kind));
      if (first.entry.kind !== "intent") { must(!closed.length, "Nothing was done, and yet there is an outcome."); return "One decision; the recogniser was not called."; }
      must(closed.length <= 1 && closed.every((one) => one.entry.intent === first.index && one.index > first.index), "The outcome is not that of this decision.");
      return closed.length ? `Entry ${first.index} was written before the recogniser was called, entry ${closed[0].index} after.` : `Entry ${first.index} was written before the recogniser was called. How it ended is not in this bundle${data.kept_back ? ": it is not for this reader" : ""}.`;
    });
    tell(data, files, story, first, rules);
    conclude();
    compareKeys(key);
  }

  function tell(data, files, story, first, rules) {
    if (first) {
      const { entry } = first, asked = object(object(entry.facts).request), answer = object(entry.answer), word = { permit: "Permitted", refusal: "Refused" };
      const opened = object(first.opened), shown = (path) => object(opened[path]).value;
      fact("When", entry.at);
      fact("Who asked", entry.client, object(asked.client).kind ? `(${asked.client.kind})` : "");
      fact("For what", asked.purpose);
      fact("What", asked.operation, asked.place ? `in ${asked.place}` : "");
      fact("Case", shown("/facts/request/case/ref") || (object(asked.case).ref ? "veiled" : ""));
      fact("Why it was urgent", shown("/facts/request/context/justification"));
      fact("Answer", word[answer.decision] || answer.decision, answer.code ? `(${answer.code})` : "");
      for (const name of answer.rules || []) fact(`Rule ${name}`, object(rules.get(name)).sentence, object(rules.get(name)).source ? `[${rules.get(name).source}]` : "");
      fact("What was missing", (answer.needed || []).join(", "));
      fact("On condition of", (answer.obligations || []).join(", "));
    }
    for (const { entry } of story) {
      if (entry.kind === "outcome") fact("Outcome", entry.status, Array.isArray(entry.candidates) ? `\u2014 ${entry.candidates.length} candidates` : "");
      if (entry.kind === "abandoned") fact("Outcome", "abandoned:", entry.why);
      if (entry.kind === "review") fact("Review", entry.act, entry.at);
    }
    const digests = JSON.parse(text(files["digests.json"]));
    for (const [name, values] of Object.entries(digests)) fact(name[0].toUpperCase() + name.slice(1), values.join(", "));
    if (data.kept_back) fact("Not shown", `${data.kept_back} entries of this decision are not for this reader.`);
    for (const one of story) {
      const box = element("details"), head = element("summary", `${one.index} \u00b7 ${one.entry.kind} `), body = element("div");
      head.append(element("span", one.entry.at));
      const raw = element("pre", JSON.stringify(one.entry, null, 2));
      raw.tabIndex = 0;
      body.append(raw);
      for (const [path, { value }] of Object.entries(object(one.opened))) body.append(element("p", `${path} is ${value}`));
      box.append(head, body);
      at("entries").append(box);
    }
    at("redress").textContent = plain(text(files["REDRESS.txt"]));
  }

  function conclude() {
    const bad = results.filter((state) => state === BAD).length, open = results.filter((state) => state === OPEN).length, box = at("verdict");
    const [kind, word, why] = bad ? [BAD, "Do not believe this", `${bad} of ${results.length} checks do not hold; the steps below say which.`]
      : open ? [OPEN, "Not wholly checked", `${open} of ${results.length} checks could not be made in this browser; all others hold.`]
      : [GOOD, "Everything here holds", `${results.length} checks were made, and each holds, if the key below is the true one.`];
    box.className = `verdict ${kind}`;
    box.replaceChildren(element("p", word, "verdict-word"), element("p", why, "verdict-why"));
    document.title = `${word} \u00b7 evidence`;
  }

  function compareKeys(key) {
    const field = at("own-key"), answer = at("key-answer");
    field.addEventListener("input", () => {
      const given = field.value.trim(), equal = key && given === key.text;
      answer.className = given ? (equal ? GOOD : BAD) : "";
      answer.textContent = !given ? "Paste it here, and the page compares." : equal ? "It is the same key." : "It is another key: do not believe this file.";
    });
  }

  if (!globalThis.crypto || !crypto.subtle) {
    show(OPEN, "This browser can check", "It offers no WebCrypto here. Open the page in a newer browser, or use the command in README.txt.");
    conclude();
  } else {
    run().catch(() => { show(BAD, "The evidence can be read", "What this page holds is damaged, and cannot be read."); conclude(); });
  }
})();
