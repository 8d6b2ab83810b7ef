// A question to the server after each stroke and while it is drawn, and the answer as bars.
import { card, drawBars, drawOverlay, drawTiles, picture } from "./answer.js";
import { clear, onChange, pad, scale, showPhoto, showTile, state, undo, url } from "./pad.js";

const $ = (id) => document.getElementById(id);
const NOTHING = { digits: [], selected: 0, frame: null, nets: [] };
let nets = [], answer = NOTHING, selected = -1, why = -1; // why: the net whose saliency is shown

async function ask(name, ...data) {
  const reply = await fetch(`/gradio_api/run/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ data }),
  }).catch(() => { throw new Error("the server does not answer: has `deepdigits demo` ended?"); });
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error ?? content.detail ?? reply.statusText);
  return content.data[0];
}

// At most one question is under way; what changes meanwhile is asked once it is answered.
let busy = false, again = null;
async function show(question) {
  if (busy) { again = question; return; }
  busy = true;
  try {
    const said = await question();
    if (!again) { answer = said; render(); }
  } catch (error) {
    $("message").textContent = error.message;
  }
  busy = false;
  if (again) { const next = again; again = null; show(next); }
}
const look = () => show(async () => (state.empty ? NOTHING : ask("look", url(), selected)));

function render() {
  drawTiles(answer, (number) => { if (!state.shown) { selected = number; look(); } });
  nets.forEach((net, number) => drawBars(net, answer.nets[number]));
  overlay();
  const blot = !state.empty && !state.drawing && !answer.digits.length;
  $("message").textContent = blot ? "Nothing here looks like a digit." : "";
}
const overlay = () => drawOverlay(answer, answer.nets[why]?.grounds, pad, scale());

// ---- what a person does
onChange(() => { selected = -1; look(); });
$("clear").onclick = () => { clear(); selected = -1; look(); };
$("undo").onclick = undo;
addEventListener("keydown", (event) => {
  if (event.key === "Escape") $("clear").click();
  if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
});
$("upload").onclick = () => $("file").click();
$("file").onchange = () => { if ($("file").files[0]) photo($("file").files[0]); $("file").value = ""; };
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) photo(event.dataTransfer.files[0]);
});
async function photo(file) {
  try {
    await showPhoto(file);
  } catch {
    $("message").textContent = `${file.name} is no image that this browser can read`;
  }
}

// ---- buttons with the names of the nets
function tabs(place, chosen) {
  $(place).replaceChildren(...nets.map((net, number) => {
    const tab = document.createElement("button");
    tab.textContent = net.title;
    tab.onclick = () => chosen(number);
    return tab;
  }));
}
function press(place, number) {
  [...$(place).children].forEach((tab, n) => { tab.ariaPressed = String(n === number); });
}
function explain(number) { // pressed again, it is hidden
  why = number === why ? -1 : number;
  press("why", why);
  overlay();
}
async function gallery(number) {
  press("tabs", number);
  $("mistakes").replaceChildren();
  const found = await ask("mistakes", number);
  if ($("tabs").children[number].ariaPressed !== "true") return; // another was clicked meanwhile
  document.querySelector(".gallery").hidden = !found.length;
  $("mistakes").replaceChildren(...found.map((one) => {
    const button = document.createElement("button");
    button.className = "mistake";
    button.title = `test digit ${one.index}: ${(100 * one.confidence).toFixed(1)} % sure`;
    button.append(picture(one.crop));
    button.insertAdjacentHTML("beforeend", '<b class="true"></b> → <b class="false"></b>');
    button.querySelector(".true").textContent = one.label;
    button.querySelector(".false").textContent = one.predicted;
    button.onclick = () => {
      showTile(picture(one.crop));
      show(() => ask("digit", one.index));
      scrollTo({ top: 0, behavior: "smooth" });
    };
    return button;
  }));
}
async function start() {
  nets = (await ask("nets")).map(card);
  $("nets").replaceChildren(...nets.map((net) => net.card));
  tabs("tabs", gallery);
  tabs("why", explain);
  explain(nets.length - 1);
  document.body.dataset.ready = "yes";
  await gallery(nets.length - 1);
}
start().catch((error) => { $("message").textContent = error.message; });
