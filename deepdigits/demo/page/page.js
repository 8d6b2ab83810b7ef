// A pad, a question to the server after each stroke and while it is drawn, and the answer as bars.
"use strict";

const $ = (id) => document.getElementById(id);
const pad = $("pad"), overlay = $("overlay"), ink = pad.getContext("2d", { willReadFrequently: true });
const SIDE = 560, PEN = 30; // pixels of the pad
let nets = [], answer = null, selected = -1, steps = [], empty = true;

async function ask(name, ...data) {
  const reply = await fetch(`/gradio_api/run/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ data }),
  });
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
    $("message").textContent = "";
  } catch (error) {
    $("message").textContent = error.message;
  }
  busy = false;
  if (again) { const next = again; again = null; show(next); }
}
const NOTHING = { digits: [], selected: 0, frame: null, nets: [] };
const look = () => show(async () => (empty ? NOTHING : ask("look", pad.toDataURL("image/png"), selected)));

// ---- the pad
function blank(height = SIDE) {
  pad.width = SIDE; pad.height = height;
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, pad.width, pad.height);
}
function at(event) {
  const box = pad.getBoundingClientRect();
  return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
}
const keep = () => steps.push([empty, ink.getImageData(0, 0, pad.width, pad.height)]);
let last = null, single = false;
pad.addEventListener("pointerdown", (event) => {
  if (single) clear(); // a test digit was shown: a drawing starts anew
  pad.setPointerCapture(event.pointerId);
  keep();
  empty = false; selected = -1;
  last = at(event);
  stroke(last);
});
pad.addEventListener("pointermove", (event) => {
  if (!last) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(at(one));
  look();
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.addEventListener(end, () => { if (last) { last = null; look(); } });
}
function stroke(to) {
  ink.lineCap = ink.lineJoin = "round";
  ink.lineWidth = PEN; ink.strokeStyle = "#16171a";
  ink.beginPath(); ink.moveTo(...last); ink.lineTo(...to); ink.stroke();
  last = to;
  $("hint").hidden = true;
}
function clear() {
  blank(); steps = []; empty = true; single = false; selected = -1;
  $("hint").hidden = false;
}
$("clear").onclick = () => { clear(); look(); };
$("undo").onclick = () => {
  if (!steps.length) return;
  const [was, picture] = steps.pop();
  blank(picture.height);
  ink.putImageData(picture, 0, 0);
  empty = was; single = false; selected = -1;
  $("hint").hidden = !empty;
  look();
};

// ---- a photo
$("upload").onclick = () => $("file").click();
$("file").onchange = () => { if ($("file").files[0]) photo($("file").files[0]); $("file").value = ""; };
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) photo(event.dataTransfer.files[0]);
});
async function photo(file) {
  try {
    const picture = await createImageBitmap(file); // upright, as its EXIF data say
    const height = Math.min(2 * SIDE, Math.max(60, Math.round(SIDE * picture.height / picture.width)));
    clear(); blank(height);
    ink.drawImage(picture, 0, 0, SIDE, height);
    empty = false; $("hint").hidden = true;
    look();
  } catch {
    $("message").textContent = `${file.name} is no image that this browser can read`;
  }
}

// ---- the answer
function render() {
  drawTiles(); drawOverlay();
  nets.forEach((net, number) => {
    const said = answer.nets[number];
    net.card.querySelector(".answer").textContent = said?.text ?? "";
    net.rows.forEach((row, label) => {
      const p = said?.probabilities[label] ?? 0;
      row.classList.toggle("best", said?.best === label);
      row.querySelector("b").style.width = `${100 * p}%`;
      row.lastChild.textContent = said ? `${(100 * p).toFixed(1)} %` : "";
    });
  });
}
function picture(tile) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const image = new ImageData(28, 28);
  tile.forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
function drawTiles() {
  $("tiles").replaceChildren(...answer.digits.map((digit, number) => {
    const button = document.createElement("button");
    button.className = "tile";
    button.ariaPressed = String(number === answer.selected);
    button.ariaLabel = `digit ${number + 1}`;
    button.append(picture(digit.tile));
    button.onclick = () => { if (!single) { selected = number; look(); } };
    return button;
  }));
}
function drawOverlay() {
  overlay.width = pad.width; overlay.height = pad.height;
  const net = answer.nets.at(-1), over = overlay.getContext("2d");
  if (!net) return;
  if ($("show").checked) {
    const map = document.createElement("canvas");
    map.width = map.height = 28;
    const image = new ImageData(28, 28);
    net.grounds.forEach((g, i) => {
      const colour = g > 0 ? [213, 94, 0] : [0, 114, 178];
      image.data.set([...colour, Math.round(190 * Math.abs(g))], 4 * i);
    });
    map.getContext("2d").putImageData(image, 0, 0);
    const [left, top, side] = answer.frame ?? [0, 0, pad.width];
    over.imageSmoothingQuality = "high";
    over.drawImage(map, left, top, side, side);
  }
  if (answer.digits.length > 1) {
    answer.digits.forEach(({ box: [left, top, right, bottom] }, number) => {
      over.strokeStyle = number === answer.selected ? "#d55e00" : "#9b9ca2";
      over.lineWidth = 3;
      over.strokeRect(left - 5, top - 5, right - left + 10, bottom - top + 10);
    });
  }
}
$("show").onchange = () => { if (answer) drawOverlay(); };

// ---- the nets and their mistakes
function card(net) {
  const element = document.createElement("div");
  element.className = "net";
  element.innerHTML = '<h2><span></span><small></small></h2><div class="answer" aria-live="polite"></div>';
  const short = net.name.split("/").filter(Boolean).slice(-2).join("/"); // of a run folder's path
  element.querySelector("span").textContent = short.length > 3 ? short : short.toUpperCase();
  element.title = net.name;
  const accuracy = net.accuracy ? `${(100 * net.accuracy).toFixed(2)} % on the test set` : "not tested";
  element.querySelector("small").textContent = accuracy;
  const rows = net.classes.map((name) => {
    const row = document.createElement("div");
    row.className = "row";
    row.innerHTML = "<span></span><i><b></b></i><span></span>";
    row.firstChild.textContent = name;
    element.append(row);
    return row;
  });
  return { ...net, card: element, rows };
}
async function gallery(number) {
  [...$("tabs").children].forEach((tab, n) => { tab.ariaPressed = String(n === number); });
  const found = await ask("mistakes", number);
  $("mistakes").replaceChildren(...found.map((one) => {
    const button = document.createElement("button");
    button.className = "mistake";
    button.title = `test digit ${one.index}: ${(100 * one.confidence).toFixed(1)} % sure`;
    button.append(picture(one.tile));
    button.insertAdjacentHTML("beforeend", '<b class="true"></b> → <b class="false"></b>');
    button.querySelector(".true").textContent = one.label;
    button.querySelector(".false").textContent = one.predicted;
    button.onclick = () => {
      clear(); single = true; empty = false;
      $("hint").hidden = true;
      ink.filter = "invert(1)";
      ink.drawImage(picture(one.tile), 0, 0, SIDE, SIDE);
      ink.filter = "none";
      show(() => ask("digit", one.index));
      scrollTo({ top: 0, behavior: "smooth" });
    };
    return button;
  }));
}
async function start() {
  blank();
  nets = (await ask("nets")).map(card);
  $("nets").replaceChildren(...nets.map((net) => net.card));
  $("tabs").replaceChildren(...nets.map((net, number) => {
    const tab = document.createElement("button");
    tab.textContent = net.card.querySelector("span").textContent;
    tab.onclick = () => gallery(number);
    return tab;
  }));
  $("whose").textContent = nets.at(-1).card.querySelector("span").textContent;
  document.body.dataset.ready = "yes";
  await gallery(nets.length - 1);
}
start();
