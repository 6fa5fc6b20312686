// The panel's page. It asks for pictures one by one, for the status once a second, and sends the
// commands of `rimlight ctl`. It uses no library and no network but its own server.

import { Plot } from "/plots.js";

const $ = (id) => document.getElementById(id);
const STATUS_MS = 1000;
const RETRY_MS = 1000;
const MAX_UPLOAD_BYTES = 32 * 1024 * 1024;
const SWATCHES = ["#1f2933", "#335c67", "#6b8f71", "#d9cab3", "#f4f5f7"];
const KEYS = { p: ["panic"], f: ["freeze"], m: ["mirror"], z: ["framing"], r: ["record"], b: ["next"], "+": ["blur", "+4"], "-": ["blur", "-4"] };

let status = null;
let before = null;
let isReached = false;
let lastRate = null;
const plots = {
  fps: new Plot($("fps-plot"), 30),
  latency: new Plot($("latency-plot"), 40),
  cpu: new Plot($("cpu-plot"), 50),
  dropped: new Plot($("dropped-plot"), 5),
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function whenVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", resolve, { once: true });
  });
}

// --- requests -------------------------------------------------------------------------------

async function getJson(path) {
  const response = await fetch(path);
  if (response.status === 403) throw new Error("stale");
  return response.json();
}

async function send(command) {
  try {
    const response = await fetch("/command", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command }),
    });
    const answer = response.status === 403 ? { ok: false, text: STALE } : await response.json();
    if (!answer.ok) showMessage([answer.text, answer.hint].filter(Boolean).join(". "));
    await refresh();
    return answer.ok;
  } catch {
    showMessage("The run cannot be reached.");
    return false;
  }
}

const STALE = "This page belongs to an earlier run. Open the address of the new one: rimlight ctl panel";

// --- picture --------------------------------------------------------------------------------

async function showPictures() {
  let number = 0;
  let shown = null;
  for (;;) {
    await whenVisible();
    try {
      const response = await fetch(`/picture?after=${number}`);
      if (response.status === 200) {
        number = Number(response.headers.get("X-Number"));
        const url = URL.createObjectURL(await response.blob());
        $("picture").src = url;
        await $("picture").decode().catch(() => {});
        if (shown) URL.revokeObjectURL(shown);
        shown = url;
      } else if (response.status !== 204) {
        await sleep(RETRY_MS);
      }
    } catch {
      number = 0;
      await sleep(RETRY_MS);
    }
  }
}

// --- status ---------------------------------------------------------------------------------

async function refresh() {
  try {
    const answer = await getJson("/status");
    if (answer.ok) {
      if (!isReached) await loadChoices();
      isReached = true;
      $("frame").classList.remove("ended");
      before = status;
      status = { ...answer.status, at: performance.now() };
      showStatus();
    } else {
      setState(answer.text, "");
    }
  } catch (error) {
    isReached = false;
    $("frame").classList.add("ended");
    setState(error.message === "stale" ? "another run" : "not running", "bad");
    if (error.message === "stale") showMessage(STALE);
  }
}

function setState(text, kind) {
  $("state").textContent = text;
  $("state").className = `chip ${kind}`;
}

function showStatus() {
  const kind = status.panic || status.frozen || status.state !== "live" ? "bad" : "good";
  setState(status.panic ? "covered" : status.frozen ? "frozen" : status.state, kind);
  $("source").textContent = status.source;
  press($("panic"), status.panic, status.panic ? "Show again" : "Cover everything");
  press($("freeze"), status.frozen, status.frozen ? "Frozen" : "Freeze");
  press($("mirror"), status.mirror, "Mirror");
  press($("record"), Boolean(status.recording), status.recording ? "Recording" : "Record");
  showNote("recording", status.recording && `Recording to ${status.recording}, in your folder of videos.`);
  press($("framing"), status.effects.includes("framing"), "Framing");
  $("cover").hidden = !status.panic;
  $("frame").classList.toggle("covered", status.panic);
  showFigures();
  showBackground();
  showQuality();
}

function press(button, isOn, label) {
  button.setAttribute("aria-pressed", String(isOn));
  if (label) button.querySelector(".label").textContent = label;
}

function showFigures() {
  const dropped = Object.values(status.dropped).reduce((sum, count) => sum + count, 0);
  const fps = measureRate();
  $("fps").textContent = `${fps.toFixed(1)} fps`;
  $("latency").textContent = `${Math.round(status.delay_ms)} ms`;
  $("cpu").textContent = `${Math.round(status.cpu * 100)} %`;
  $("dropped").textContent = String(dropped);
  showNote("degraded", status.degraded.length && `To stay within its limits, the run continues without ${status.degraded.join(", ")}.`);
  showNote("problem", status.problem);
}

// Frames a second since the last status; the status itself tells the mean of the whole run.
function measureRate() {
  const seconds = before ? (status.at - before.at) / 1000 : 0;
  return seconds > 0.5 ? (status.frames - before.frames) / seconds : lastRate ?? status.fps;
}

function addToPlots() {
  if (!before) return;
  lastRate = measureRate();
  const count = (each) => Object.values(each.dropped).reduce((sum, one) => sum + one, 0);
  plots.fps.add(lastRate);
  plots.latency.add(status.delay_ms);
  plots.cpu.add(status.cpu * 100);
  plots.dropped.add(Math.max(0, count(status) - count(before)));
}

function showNote(id, text) {
  $(id).hidden = !text;
  $(id).textContent = text || "";
}

function showBackground() {
  const blur = $("blur");
  blur.min = String(status.min_blur_px);
  if (!isHeld(blur)) blur.value = String(status.blur_px || status.min_blur_px);
  blur.classList.toggle("off", !status.blur_px);
  $("blur-value").textContent = isHeld(blur) ? `${blur.value} px` : status.blur_px ? `${status.blur_px} px` : "off";
  for (const button of $("gallery").querySelectorAll("button")) {
    press(button, button.dataset.id === status.background_id);
  }
  for (const button of $("swatches").querySelectorAll("button")) press(button, button.dataset.color === status.background);
}

function showQuality() {
  for (const button of $("qualities").children) press(button, button.dataset.name === status.quality);
  if (document.activeElement !== $("model")) select($("model"), status.model);
  $("camera-row").hidden = !status.camera;
  const path = /^\d+$/.test(status.camera) ? `/dev/video${status.camera}` : status.camera;
  if (status.camera && document.activeElement !== $("camera")) select($("camera"), path);
  const budget = $("budget");
  if (!isHeld(budget)) budget.value = String(status.max_cpu ? Math.round(status.max_cpu * 100) : budget.max);
  showBudget();
  const scale = Number(budget.max) - 5;
  $("meter-bar").style.width = `${Math.min(100, (status.cpu * 10000) / scale)}%`;
  $("meter").setAttribute("aria-label", `CPU use: ${Math.round(status.cpu * 100)} % of one core`);
  $("meter-limit").hidden = !status.max_cpu;
  $("meter-limit").style.left = `${(status.max_cpu * 10000) / scale}%`;
}

function select(list, value) {
  if (![...list.options].some((option) => option.value === value)) list.add(new Option(value, value));
  list.value = value;
}

function showBudget() {
  const budget = $("budget");
  $("budget-value").textContent = isUnlimited(budget) ? "no limit" : `${budget.value} %`;
}

const isUnlimited = (budget) => Number(budget.value) >= Number(budget.max);
const isHeld = (input) => input.dataset.held === "true";

// --- choices --------------------------------------------------------------------------------

async function loadChoices() {
  const choices = await getJson("/choices");
  if (!choices.ok) return;
  $("budget").max = String(choices.cores * 100 + 5);
  $("qualities").replaceChildren(...choices.qualities.map((name) => makeButton(name, ["quality", name], { name })));
  $("model").replaceChildren(...choices.models.map((name) => new Option(name, name)));
  const cameras = Object.entries(choices.cameras || {});
  $("camera").replaceChildren(...cameras.map(([path, name]) => new Option(`${name} (${path})`, path)));
  $("profiles").replaceChildren(...choices.profiles.map((name) => makeButton(name, ["profile", name], { name })));
  $("profiles-card").hidden = choices.profiles.length === 0;
  $("gallery").replaceChildren(...choices.backgrounds.map(makeGalleryItem));
}

function makeButton(text, command, data = {}) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  Object.assign(button.dataset, data);
  button.addEventListener("click", () => send(command));
  return button;
}

function makeGalleryItem({ id, name }) {
  const button = makeButton("", ["background", `id:${id}`], { id });
  const image = new Image();
  image.src = `/thumbnails/${id}`;
  image.loading = "lazy";
  image.alt = "";
  const label = document.createElement("span");
  label.className = "name";
  label.textContent = name;
  button.append(image, label);
  button.title = name;
  const item = document.createElement("li");
  item.append(button);
  return item;
}

// --- controls -------------------------------------------------------------------------------

function connectSlider(input, show, commit) {
  let pending = null;
  input.addEventListener("input", () => {
    input.dataset.held = "true";
    show();
    clearTimeout(pending);
    pending = setTimeout(async () => {
      await commit(input);
      input.dataset.held = "false";
      if (status) showStatus();
    }, 150);
  });
}

function connectControls() {
  for (const id of ["panic", "freeze", "mirror", "framing", "record", "next"]) $(id).addEventListener("click", () => send([id]));
  $("color").before(...SWATCHES.map((color) => {
    const button = makeButton("", ["background", color], { color });
    button.style.background = color;
    button.setAttribute("aria-label", `Color ${color}`);
    return button;
  }));
  $("color").addEventListener("change", () => send(["background", $("color").value]));
  $("camera").addEventListener("change", () => send(["camera", $("camera").value]));
  $("model").addEventListener("change", () => send(["model", $("model").value]));
  connectSlider($("blur"), () => ($("blur-value").textContent = `${$("blur").value} px`), (input) => send(["blur", input.value]));
  connectSlider($("budget"), showBudget, (input) => send(["max-cpu", isUnlimited(input) ? "off" : `${input.value}%`]));
  document.addEventListener("keydown", onKey);
}

// --- adding pictures ------------------------------------------------------------------------

async function addPictures(files) {
  let last = null;
  for (const file of files) last = (await addPicture(file)) || last;
  if (!last) return;
  await loadChoices();
  await send(["background", `id:${last.id}`]);
}

async function addPicture(file) {
  if (file.size > MAX_UPLOAD_BYTES) {
    showMessage(`${file.name} is too large: ${Math.round(file.size / 1e6)} MB, at most 32 MB.`);
    return null;
  }
  try {
    const path = `/backgrounds?name=${encodeURIComponent(file.name)}`;
    const answer = await (await fetch(path, { method: "POST", body: file })).json();
    if (!answer.ok) showMessage([`${file.name}: ${answer.text}`, answer.hint].filter(Boolean).join(". "));
    return answer.ok ? answer : null;
  } catch {
    showMessage(`${file.name} could not be sent.`);
    return null;
  }
}

function connectDrop() {
  const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  const show = (isOver) => ($("drop").hidden = !isOver);
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(true);
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || show(false));
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    show(false);
    addPictures(event.dataTransfer.files);
  });
  $("add").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    await addPictures($("file").files);
    $("file").value = "";
  });
}

function onKey(event) {
  const isTyping = event.target.matches("input, select, textarea") && event.key !== "p";
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || isTyping) return;
  const command = KEYS[event.key.toLowerCase()];
  if (command) {
    event.preventDefault();
    send(command);
  }
}

let hiding = null;
function showMessage(text) {
  $("message").textContent = text;
  $("message").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => ($("message").hidden = true), 6000);
}

connectControls();
connectDrop();
window.addEventListener("focus", async () => {
  if (!isReached) return;
  await loadChoices().catch(() => {}); // new files, profiles and cameras
  showStatus();
});
showPictures();
for (;;) {
  await whenVisible();
  await refresh();
  addToPlots();
  await sleep(STATUS_MS);
}
