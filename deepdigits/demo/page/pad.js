// The pad: a drawing made with a mouse or a finger, or a photo.

const SIDE = 560, PEN = 30; // pixels of the pad, and of its pen
const PHOTO = 1024; // the longer side of a photo: the server works at this size too
export const pad = document.getElementById("pad");
const ink = pad.getContext("2d", { willReadFrequently: true });
const hint = document.getElementById("hint");
let steps = [], last = null, changed = () => {};

// empty: the pad is blank; shown: it shows a test digit, which a drawing replaces; drawing: the pen is down.
export const state = { empty: true, shown: false, drawing: false };
export const png = () => new Promise((resolve) => pad.toBlob(resolve, "image/png"));
export const scale = () => pad.width / SIDE;
export const onChange = (callback) => { changed = callback; };

function blank(width = SIDE, height = SIDE) {
  pad.width = width; pad.height = height;
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, width, height);
}
function put(empty, shown) {
  Object.assign(state, { empty, shown, drawing: false });
  hint.hidden = !empty;
}
export function clear() { blank(); steps = []; put(true, false); }

export function undo() {
  if (!steps.length) return;
  const [empty, picture] = steps.pop();
  blank(picture.width, picture.height);
  ink.putImageData(picture, 0, 0);
  put(empty, false);
  changed();
}

export function showCrop(canvas) { // crops are light on dark, the pad is dark on light
  clear();
  ink.filter = "invert(1)";
  ink.drawImage(canvas, 0, 0, SIDE, SIDE);
  ink.filter = "none";
  put(false, true);
}

export async function showPhoto(file) {
  const picture = await createImageBitmap(file); // upright, by its EXIF orientation
  const factor = Math.min(1, PHOTO / Math.max(picture.width, picture.height));
  clear();
  blank(Math.max(1, Math.round(factor * picture.width)), Math.max(1, Math.round(factor * picture.height)));
  ink.imageSmoothingQuality = "high";
  ink.drawImage(picture, 0, 0, pad.width, pad.height);
  put(false, false);
  changed();
}

function at(event) {
  const box = pad.getBoundingClientRect();
  return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
}
function stroke(to) {
  ink.lineCap = ink.lineJoin = "round";
  ink.lineWidth = PEN * scale(); ink.strokeStyle = "#16171a";
  ink.beginPath(); ink.moveTo(...last); ink.lineTo(...to); ink.stroke();
  last = to;
}
pad.addEventListener("pointerdown", (event) => {
  if (state.shown) clear();
  pad.setPointerCapture(event.pointerId);
  steps.push([state.empty, ink.getImageData(0, 0, pad.width, pad.height)]);
  put(false, false);
  state.drawing = true;
  last = at(event);
  stroke(last);
});
pad.addEventListener("pointermove", (event) => {
  if (!last) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(at(one));
  changed();
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.addEventListener(end, () => {
    if (!last) return;
    last = null; state.drawing = false;
    changed();
  });
}
clear();
