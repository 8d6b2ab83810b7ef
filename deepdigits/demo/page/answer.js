// What the nets say: a card with bars for each, the digits as they see them, saliency over the pad.

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
  element.innerHTML = '<h2><span></span><small></small></h2><div class="answer" aria-live="polite"></div>';
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

export function drawBars(net, said) {
  net.card.querySelector(".answer").textContent = said?.text ?? "";
  net.rows.forEach((row, label) => {
    const p = said?.probabilities[label] ?? 0;
    row.classList.toggle("best", said?.best === label);
    row.querySelector("b").style.width = `${100 * p}%`;
    row.lastChild.textContent = said ? `${(100 * p).toFixed(1)} %` : "";
  });
}

export function drawTiles(answer, choose) {
  $("tiles").replaceChildren(...answer.digits.map((digit, number) => {
    const button = document.createElement("button");
    button.className = "tile";
    button.ariaPressed = String(number === answer.selected);
    button.ariaLabel = `digit ${number + 1}`;
    button.append(picture(digit.crop));
    button.onclick = () => choose(number);
    return button;
  }));
}

// grounds: of the net that is asked why; undefined where none is.
export function drawOverlay(answer, grounds, pad, scale) {
  overlay.width = pad.width; overlay.height = pad.height;
  const over = overlay.getContext("2d");
  if (grounds) {
    const map = document.createElement("canvas");
    map.width = map.height = 28;
    const image = new ImageData(28, 28);
    grounds.forEach((g, i) => image.data.set([...(g > 0 ? ORANGE : BLUE), Math.round(190 * Math.abs(g))], 4 * i));
    map.getContext("2d").putImageData(image, 0, 0);
    const [left, top, side] = answer.frame ?? [0, 0, pad.width];
    over.imageSmoothingQuality = "high";
    over.filter = `blur(${side / 40}px)`; // the squares that are covered overlap by steps of two pixels
    over.drawImage(map, left, top, side, side);
    over.filter = "none";
  }
  if (answer.digits.length < 2) return;
  answer.digits.forEach(({ box: [left, top, right, bottom] }, number) => {
    over.strokeStyle = number === answer.selected ? "#d55e00" : "#9b9ca2";
    over.lineWidth = 3 * scale;
    const gap = 5 * scale;
    over.strokeRect(left - gap, top - gap, right - left + 2 * gap, bottom - top + 2 * gap);
  });
}
