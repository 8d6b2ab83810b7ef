// Shows predictions: a card with bars for each net, the crops, and the saliency map over the pad.

const $ = (id) => document.getElementById(id);
const overlay = $("overlay");
const ORANGE = [213, 94, 0], BLUE = [0, 114, 178];

export function picture(crop) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const image = new ImageData(28, 28);
  crop.forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

export function card(net) {
  const element = document.createElement("div");
  element.className = "net";
  element.innerHTML = '<h2><span></span><small></small></h2><div class="prediction" aria-live="polite"></div>';
  const short = net.name.split("/").filter(Boolean).slice(-2).join("/"); // of a run folder's path
  const title = short.length > 3 ? short : short.toUpperCase();
  element.querySelector("span").textContent = title;
  element.title = net.name;
  const accuracy = net.accuracy ? `${(100 * net.accuracy).toFixed(2)} % on the test set` : "not tested";
  element.querySelector("small").textContent = accuracy;
  const rows = net.classes.map((name) => {
    const row = document.createElement("div");
    row.className = "row";
    row.innerHTML = "<span></span><i><b></b></i><span></span>";
    row.firstChild.textContent = name;
    return row;
  });
  const bars = document.createElement("div");
  bars.className = rows.length > 12 ? "many" : "few";
  bars.append(...rows);
  element.append(bars);
  return { ...net, title, card: element, rows };
}

export function drawBars(net, prediction) {
  net.card.querySelector(".prediction").textContent = prediction?.text ?? "";
  net.rows.forEach((row, label) => {
    const p = prediction?.probabilities[label] ?? 0;
    row.classList.toggle("best", prediction?.best === label);
    row.querySelector("b").style.width = `${100 * p}%`;
    row.lastChild.textContent = prediction ? `${(100 * p).toFixed(1)} %` : "";
  });
}

export function drawCrops(result, choose) {
  $("crops").replaceChildren(...result.digits.map((digit, number) => {
    const button = document.createElement("button");
    button.className = "crop";
    button.ariaPressed = String(number === result.selected);
    button.ariaLabel = `digit ${number + 1}`;
    button.append(picture(digit.crop));
    button.onclick = () => choose(number);
    return button;
  }));
}

// saliency: the map of the chosen net; undefined if none is chosen.
export function drawOverlay(result, saliency, pad, scale) {
  overlay.width = pad.width; overlay.height = pad.height;
  const over = overlay.getContext("2d");
  if (saliency) {
    const map = document.createElement("canvas");
    map.width = map.height = 28;
    const image = new ImageData(28, 28);
    saliency.forEach((g, i) => image.data.set([...(g > 0 ? ORANGE : BLUE), Math.round(190 * Math.abs(g))], 4 * i));
    map.getContext("2d").putImageData(image, 0, 0);
    const [left, top, side] = result.square ?? [0, 0, pad.width];
    over.imageSmoothingQuality = "high";
    over.filter = `blur(${side / 40}px)`; // the covered squares move in steps of two pixels
    over.drawImage(map, left, top, side, side);
    over.filter = "none";
  }
  if (result.digits.length < 2) return;
  result.digits.forEach(({ box: [left, top, right, bottom] }, number) => {
    over.strokeStyle = number === result.selected ? "#d55e00" : "#9b9ca2";
    over.lineWidth = 3 * scale;
    const gap = 5 * scale;
    over.strokeRect(left - gap, top - gap, right - left + 2 * gap, bottom - top + 2 * gap);
  });
}
