// Calls the server while you draw and after each stroke, and shows its predictions.
import { card, drawBars, drawCrops, drawOverlay, picture } from "./prediction.js";
import { clear, onChange, pad, png, scale, showCrop, showPhoto, state, undo } from "./pad.js";

const $ = (id) => document.getElementById(id);
const NOTHING = { digits: [], selected: 0, square: null, nets: [] };
let nets = [], result = NOTHING, selected = -1, explained = -1; // explained: net whose saliency is shown

async function call(name, body, type = "application/json") {
  const reply = await fetch(`/api/${name}`, { method: "POST", headers: { "Content-Type": type }, body })
    .catch(() => { throw new Error("the server does not respond: has `deepdigits demo` ended?"); });
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error);
  return content;
}
const predictDrawing = async () => call(`predict?selected=${selected}`, await png(), "image/png");

// At most one call is pending; changes made meanwhile are sent once it has returned.
let busy = false, next = null;
async function show(request) {
  if (busy) { next = request; return; }
  busy = true;
  try {
    const returned = await request();
    if (!next) { result = returned; render(); }
  } catch (error) {
    $("message").textContent = error.message;
  }
  busy = false;
  if (next) { const waiting = next; next = null; show(waiting); }
}
const predict = () => show(async () => (state.empty ? NOTHING : predictDrawing()));

function render() {
  drawCrops(result, (number) => { if (!state.shown) { selected = number; predict(); } });
  nets.forEach((net, number) => drawBars(net, result.nets[number]));
  overlay();
  const isBlank = !state.empty && !state.drawing && !result.digits.length;
  $("message").textContent = isBlank ? "Nothing here looks like a digit." : "";
}
const overlay = () => drawOverlay(result, result.nets[explained]?.saliency, pad, scale());

// ---- events
onChange(() => { selected = -1; predict(); });
$("clear").onclick = () => { clear(); selected = -1; predict(); };
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
    $("message").textContent = `${file.name} is not an image that this browser can read`;
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
function explain(number) { // a second click hides the map
  explained = number === explained ? -1 : number;
  press("saliency", explained);
  overlay();
}
async function gallery(number) {
  press("tabs", number);
  $("mistakes").replaceChildren();
  const found = await call("mistakes", JSON.stringify({ net: number }));
  if ($("tabs").children[number].ariaPressed !== "true") return; // another tab was clicked meanwhile
  document.querySelector(".gallery").hidden = !found.length;
  $("mistakes").replaceChildren(...found.map((one) => {
    const button = document.createElement("button");
    button.className = "mistake";
    button.title = `test digit ${one.index}: ${(100 * one.confidence).toFixed(1)} % confidence`;
    button.append(picture(one.crop));
    button.insertAdjacentHTML("beforeend", '<b class="true"></b> → <b class="false"></b>');
    button.querySelector(".true").textContent = one.label;
    button.querySelector(".false").textContent = one.predicted;
    button.onclick = () => {
      showCrop(picture(one.crop));
      show(() => call("predict_digit", JSON.stringify({ index: one.index })));
      scrollTo({ top: 0, behavior: "smooth" });
    };
    return button;
  }));
}
async function start() {
  nets = (await call("nets", "{}")).map(card);
  $("nets").replaceChildren(...nets.map((net) => net.card));
  tabs("tabs", gallery);
  tabs("saliency", explain);
  explain(nets.length - 1);
  document.body.dataset.ready = "yes";
  await gallery(nets.length - 1);
}
start().catch((error) => { $("message").textContent = error.message; });
