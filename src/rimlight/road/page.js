"use strict";
// Plots are drawn once into canvases; a click sets the video's time.
const data = JSON.parse(document.getElementById("data").textContent);
const video = document.querySelector("video");
const count = data.seconds.length;
const first = count ? data.seconds[0] : 0;
const span = count ? data.seconds[count - 1] + 1 - first : 1;
const WIDTH = 1000;
const across = (second) => ((second - first) / span) * WIDTH;

function seek(second) {
  if (video) {
    video.currentTime = second;
    video.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }
}

function board(canvas, height) {
  canvas.width = WIDTH;
  canvas.height = height;
  canvas.onclick = (event) => {
    const place = canvas.getBoundingClientRect();
    seek(first + ((event.clientX - place.left) / place.width) * span);
  };
  return canvas.getContext("2d");
}

for (const canvas of document.querySelectorAll("canvas[data-stack]")) {
  const ink = board(canvas, 180);
  const below = new Array(count).fill(0);
  for (const [name, colour] of JSON.parse(canvas.dataset.stack)) {
    const shares = data.series["share." + name] || [];
    ink.fillStyle = colour;
    shares.forEach((share, i) => {
      const height = share * 180;
      ink.fillRect(across(data.seconds[i]), 180 - below[i] - height, WIDTH / span + 0.6, height + 0.3);
      below[i] += height;
    });
  }
}

for (const canvas of document.querySelectorAll("canvas[data-line]")) {
  const ink = board(canvas, 70);
  const values = data.series[canvas.dataset.line] || [];
  const top = values.reduce((a, b) => Math.max(a, b), Number(canvas.dataset.top) || 1e-9);
  ink.strokeStyle = "#0057b7";
  ink.lineWidth = 2;
  ink.beginPath();
  values.forEach((value, i) => ink.lineTo(across(data.seconds[i] + 0.5), 68 - (value / top) * 64));
  ink.stroke();
  ink.fillStyle = "#666";
  ink.font = "12px sans-serif";
  ink.fillText("top: " + top.toPrecision(2), 4, 14);
}

const line = board(document.getElementById("events"), 26);
line.fillStyle = "#d9480f";
for (const event of data.events) {
  const start = across(event.start_s);
  line.fillRect(start, 4, Math.max(3, across(event.end_s) - start), 18);
}

function follow() {
  document.getElementById("now").style.left = across(video.currentTime) / 10 + "%";
  requestAnimationFrame(follow);
}
if (video) follow();

for (const button of document.querySelectorAll("button[data-at]")) {
  button.onclick = () => seek(Number(button.dataset.at));
}
