// What the console's pages do beyond showing: read a one-time link, check the head of the log, verify an entry, keep what was typed.
import { Broken, agreesWithMemory, canVerifySignatures, cosigners, equal, fromBase64, hex, leafHash, openCheckpoint, readProof, remember, rootFromPath, verifierKey } from "./log.js";

const filled = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function text(path) {
  const answer = await fetch(path, { headers: { accept: "text/plain" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

function enter(form) {
  if (location.hash.length < 20) return;
  form.elements.secret.value = location.hash.slice(1);
  // The secret must not stay in the address, where the history would keep it.
  history.replaceState(null, "", location.pathname + location.search);
  form.requestSubmit();
}

async function checkHead(card) {
  const verdict = card.querySelector(".verdict");
  const say = (key, values, mood) => {
    verdict.className = `verdict ${mood}`;
    verdict.textContent = filled(card.dataset[key], values);
  };
  try {
    if (!(await canVerifySignatures())) return say("unable", { why: "Ed25519" }, "");
    const key = await verifierKey(await text("/audit/log.vkey"));
    const head = await openCheckpoint(await text("/audit/checkpoint"), key);
    const old = await agreesWithMemory(head);
    remember(head);
    const since = Date.now();
    const tell = () => say(old === null ? "first" : "verified", { seconds: Math.round((Date.now() - since) / 1000), size: head.size, old: old?.size ?? 0 }, "good");
    tell();
    setInterval(tell, 5000);
  } catch (fault) {
    say(fault instanceof Broken ? "broken" : "unable", { why: fault.message }, fault instanceof Broken ? "bad" : "");
  }
}

async function verifyEntry(panel) {
  const words = panel.dataset;
  const [steps, verdict] = [panel.querySelector(".steps"), panel.querySelector(".verdict")];
  steps.replaceChildren();
  verdict.textContent = "";
  const step = (name, mood, detail) => {
    const [item, small] = [document.createElement("li"), document.createElement("small")];
    item.className = mood;
    item.textContent = words[name];
    small.textContent = detail;
    item.append(small);
    steps.append(item);
  };
  const attempt = async (name, work) => {
    try {
      const [value, detail] = await work();
      step(name, "good", detail);
      return value;
    } catch (fault) {
      step(name, fault instanceof Broken ? "bad" : "open", fault.message);
      throw fault;
    }
  };
  const conclude = (key, mood) => {
    verdict.className = `verdict ${mood}`;
    verdict.textContent = words[key];
  };
  try {
    if (!(await canVerifySignatures())) return conclude("unable", "");
    const key = await verifierKey(words.key);
    const leaf = await attempt("leaf", async () => {
      const hash = await leafHash(fromBase64(words.body));
      return [hash, hex(hash)];
    });
    const proof = readProof(await text(`/v1/receipts/${words.index}`));
    const head = await attempt("signature", async () => {
      const opened = await openCheckpoint(proof.checkpoint, key);
      return [opened, `${opened.origin}, ${opened.size}`];
    });
    await attempt("path", async () => {
      if (proof.index !== Number(words.index)) throw new Broken(`The proof is for entry ${proof.index}.`);
      const root = await rootFromPath(leaf, proof.index, head.size, proof.path);
      if (!equal(root, head.root)) throw new Broken(`${hex(root)} ≠ ${hex(head.root)}`);
      return [root, `${proof.path.length} → ${hex(root)}`];
    });
    if (!head.witnesses.length) step("witnesses", "open", words.none);
    else {
      await attempt("witnesses", async () => {
        // A witness of a kind that this page cannot check (a key of another type) stays a name, and is said to be one.
        const keys = await Promise.all((words.keys || "").split(" ").filter(Boolean).map((text) => verifierKey(text, 4).catch(() => null)));
        const seen = await cosigners(head, keys.filter(Boolean));
        return [seen, seen.map(({ name, at }) => `${name}: ${at ?? words.stranger}`).join("; ")];
      });
    }
    await attempt("consistency", async () => {
      const old = await agreesWithMemory(head);
      remember(head);
      return [old, old === null ? words.first : `${old.size} → ${head.size}`];
    });
    conclude("green", "good");
  } catch (fault) {
    conclude("red", "bad");
  }
}

const DRAFT = "custodes-draft";
const RAN_OUT = "custodes-sign-in-ran-out";

// A sign-in that ran out must not cost what was typed: the browser keeps it until the page is back. What was taken is not typed again.
function keepTyping(form) {
  // A page may hold the same form for many things: each is told by its hidden fields.
  const about = [...form.elements].filter((field) => field.type === "hidden" && field.name !== "form_token").map((field) => `${field.name}=${field.value}`);
  const place = `${DRAFT}:${location.pathname}:${form.getAttribute("action")}:${about.join("&")}`;
  const kept = sessionStorage.getItem(place);
  sessionStorage.removeItem(place);
  if (kept !== null && sessionStorage.getItem(RAN_OUT)) {
    const typed = JSON.parse(kept);
    for (const field of form.elements) {
      const values = typed.filter(([name]) => name === field.name).map(([, value]) => value);
      if (!field.name || field.type === "hidden" || field.tagName === "BUTTON") continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (field.multiple) for (const option of field.options) option.selected = values.includes(option.value);
      else if (values.length) field.value = values[0];
    }
    form.closest("details")?.setAttribute("open", "");
    sessionStorage.removeItem(RAN_OUT);
  }
  form.addEventListener("submit", () => {
    const typed = [...new FormData(form)].filter(([name, value]) => name !== "form_token" && typeof value === "string");
    sessionStorage.setItem(place, JSON.stringify(typed));
  });
}

// Where the true share lies with 95 % confidence, as the evaluation's own record has it (Wilson 1927).
function wilson(errors, trials) {
  const [share, square] = [errors / trials, 1.959963984540054 ** 2 / trials];
  const [middle, spread] = [share + square / 2, Math.sqrt(square * (share * (1 - share) + square / 4))];
  return [Math.max(0, (middle - spread) / (1 + square)), Math.min(1, (middle + spread) / (1 + square))];
}

// Show every group's rates at another threshold: the record holds the errors at each step, the page only divides.
function slide(section) {
  const [form, input] = [section.querySelector(".slider"), section.querySelector(".slider [type=range]")];
  const grid = input.dataset.grid.split(" ");
  const mark = document.documentElement.lang === "fr" ? "," : ".";
  // Six digits at most, as the server writes it: no share here is so small that a number would come as 1e-7.
  const percent = (share) => `${share === 0 ? 0 : String(Number((100 * share).toPrecision(2))).replace(".", mark)}\u00a0%`;
  const show = () => {
    section.querySelector(".slider output").textContent = grid[input.value];
    input.setAttribute("aria-valuetext", grid[input.value]);
    for (const rate of section.querySelectorAll(".rate")) {
      const steps = rate.dataset.steps.split(" ").filter(Boolean);
      if (!steps.length) continue;
      const share = Number(steps[input.value]) / Number(rate.dataset.trials);
      rate.querySelector("strong").textContent = percent(share);
      rate.querySelector("meter").value = Math.sqrt(share);
      const [low, high] = wilson(Number(steps[input.value]), Number(rate.dataset.trials));
      rate.parentElement.querySelector(".interval").textContent = `${percent(low)} – ${percent(high)}`;
    }
    // Each line has one point for each step of the grid, and one that is marked.
    for (const line of section.querySelectorAll(".plots g.line")) {
      const [x, y] = line.querySelector("polyline").getAttribute("points").split(" ")[input.value].split(",");
      line.querySelector("circle").setAttribute("cx", x);
      line.querySelector("circle").setAttribute("cy", y);
    }
  };
  form.querySelector("button").hidden = true;
  input.addEventListener("input", show);
  // The address keeps the threshold, as the form does where no script runs.
  input.addEventListener("change", () => history.replaceState(null, "", `?set=${form.elements.set.value}&step=${input.value}`));
  show();
}

const enterForm = document.querySelector("#enter");
if (enterForm) {
  if (enterForm.dataset.returns) sessionStorage.setItem(RAN_OUT, "yes");
  enter(enterForm);
}
const head = document.querySelector("#head");
if (head) checkHead(head);
const panel = document.querySelector("#verify");
if (panel) {
  const button = panel.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => verifyEntry(panel));
}
for (const form of document.querySelectorAll("form[data-keep]")) keepTyping(form);
for (const section of document.querySelectorAll(".fairness:has(.slider)")) slide(section);
