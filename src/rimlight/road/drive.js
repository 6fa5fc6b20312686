"use strict";
// Plots are drawn once into canvases; a click seeks to that moment in the video.
const data = JSON.parse(document.getElementById("data").textContent);
const video = document.querySelector("video");
const count = data.seconds.length;
const first = count ? data.seconds[0] : 0;
const span = count ? data.seconds[count - 1] + 1 - first : 1;
const WIDTH = 1000;
const across = (second) => ((second - first) / span) * WIDTH;
const unsure = data.series.unsure || [];
const styles = getComputedStyle(document.documentElement);
const color = (name) => styles.getPropertyValue("--" + name);

// Several files play as one; `playing` is the index of the loaded one.
let playing = -1;

function seek(second) {
  if (!video) return;
  let number = data.videos.findLastIndex(([, start]) => start <= second);
  number = Math.max(number, 0);
  const moment = Math.max(0, second - data.videos[number][1]);
  if (number !== playing) {
    const resume = !video.paused || video.ended;
    playing = number;
    video.src = data.videos[number][0];
    video.addEventListener("loadedmetadata", () => {
      showUnplayable(!video.videoWidth); // audio plays even if the video codec is unsupported
      video.currentTime = moment;
      if (resume) video.play();
    }, { once: true });
  } else {
    video.currentTime = moment;
  }
}

function showUnplayable(wrong) {
  const note = document.getElementById("unplayable");
  note.hidden = !wrong;
  if (!wrong) return;
  const name = decodeURIComponent(data.videos[playing][0]).split("/").pop();
  note.textContent =
    `This browser cannot play ${name}: the format is not supported, or the file is missing. ` +
    "A video player may open it; a run with -o painted.mp4 makes one that browsers play.";
}

function board(canvas, height) {
  canvas.width = WIDTH;
  canvas.height = height;
  return canvas.getContext("2d");
}

function clickable(canvas) {
  canvas.onclick = (event) => {
    const bounds = canvas.getBoundingClientRect();
    seek(first + ((event.clientX - bounds.left) / bounds.width) * span);
  };
}

function label(second) {
  const whole = Math.round(second);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return (hours ? hours + ":" + two(minutes) : minutes) + ":" + two(whole % 60);
}

function axis() {
  const ink = board(document.getElementById("axis"), 18);
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
  const step = steps.find((seconds) => span / seconds <= 10) || 7200;
  ink.font = "12px sans-serif";
  ink.fillStyle = color("soft");
  for (let at = Math.ceil(first / step) * step; at < first + span; at += step) {
    ink.fillRect(across(at), 0, 1, 4);
    const text = label(at);
    const left = across(at) - ink.measureText(text).width / 2;
    ink.fillText(text, Math.max(0, Math.min(left, WIDTH - 30)), 15);
  }
}

function shade(ink, height) {
  ink.fillStyle = color("shade");
  unsure.forEach((value, i) => {
    if (value > data.unsure_entropy) ink.fillRect(across(data.seconds[i]), 0, WIDTH / span + 0.6, height);
  });
}

function stack(canvas) {
  const ink = board(canvas, 180);
  clickable(canvas);
  shade(ink, 180);
  const below = new Array(count).fill(0);
  for (const [name, fill] of data.stack) {
    const shares = data.series["share." + name] || [];
    ink.fillStyle = fill;
    shares.forEach((share, i) => {
      const height = share * 180;
      const wide = WIDTH / span + 0.6;
      ink.fillRect(across(data.seconds[i]), 180 - below[i] - height, wide, height + 0.3);
      below[i] += height;
    });
  }
}

function plot(canvas) {
  const ink = board(canvas, 84);
  clickable(canvas);
  shade(ink, 84);
  const values = data.series[canvas.dataset.line] || [];
  const top = values.reduce((a, b) => Math.max(a, b), Number(canvas.dataset.top) || 1e-9);
  ink.strokeStyle = color("c0");
  ink.lineWidth = 2;
  ink.beginPath();
  let before = -2;
  values.forEach((value, i) => {
    const second = data.seconds[i];
    const height = 82 - (value / top) * 62; // leaves room for the label
    // Each second is a step; where seconds are missing the line is broken.
    if (second > before + 1) ink.moveTo(across(second), height);
    ink.lineTo(across(second), height);
    ink.lineTo(across(second + 1), height);
    before = second;
  });
  ink.stroke();
  const counted = canvas.dataset.line.startsWith("count.");
  const share = (top * 100).toPrecision(top < 0.995 ? 2 : 3) + " %";
  const text = counted || canvas.dataset.line === "unsure" ? top.toPrecision(2) : share;
  ink.font = "12px sans-serif";
  ink.fillStyle = color("ink");
  ink.fillText(text, 4, 14);
}

function events() {
  const canvas = document.getElementById("events");
  const ink = board(canvas, 26);
  clickable(canvas);
  shade(ink, 26);
  ink.fillStyle = color("c1");
  for (const event of data.events) {
    const start = across(event.start_s);
    ink.fillRect(start, 4, Math.max(3, across(event.end_s) - start), 18);
  }
}

function track() {
  const canvas = document.getElementById("track");
  const known = data.track.filter((place) => place);
  if (!canvas || !known.length) return;
  const ink = board(canvas, 300);
  const [norths, easts] = [known.map((place) => place[0]), known.map((place) => place[1])];
  const middle = (values) => (Math.min(...values) + Math.max(...values)) / 2;
  const [north, east] = [middle(norths), middle(easts)];
  // One degree east is shorter than one north, by the cosine of the latitude.
  const narrow = Math.cos((north * Math.PI) / 180);
  const high = Math.max(...norths) - Math.min(...norths);
  const wide = (Math.max(...easts) - Math.min(...easts)) * narrow;
  const scale = Math.min(270 / Math.max(high, 1e-9), (WIDTH - 40) / Math.max(wide, 1e-9));
  const x = (place) => WIDTH / 2 + (place[1] - east) * narrow * scale;
  const y = (place) => 150 - (place[0] - north) * scale;
  ink.strokeStyle = color("c0");
  ink.lineWidth = 3;
  ink.beginPath();
  data.track.forEach((place, i) => {
    if (place) data.track[i - 1] ? ink.lineTo(x(place), y(place)) : ink.moveTo(x(place), y(place));
  });
  ink.stroke();
  ink.fillStyle = color("c1");
  for (const event of data.events) {
    const place = data.track[data.seconds.indexOf(Math.floor(event.peak_s))];
    if (!place) continue;
    ink.beginPath();
    ink.arc(x(place), y(place), 6, 0, 7);
    ink.fill();
  }
}

function follow() {
  const second = video.currentTime + data.videos[Math.max(playing, 0)][1];
  document.getElementById("now").style.left = across(second) / (WIDTH / 100) + "%";
  requestAnimationFrame(follow);
}

axis();
events();
stack(document.getElementById("stack"));
document.querySelectorAll("canvas[data-line]").forEach(plot);
track();
for (const button of document.querySelectorAll("button[data-at]")) {
  button.onclick = () => {
    seek(Number(button.dataset.at));
    if (video) video.scrollIntoView({ behavior: "smooth", block: "nearest" });
  };
}
if (video) {
  video.onerror = () => showUnplayable(true);
  seek(data.videos[0][1]);
  video.onended = () => {
    if (playing + 1 < data.videos.length) seek(data.videos[playing + 1][1]);
  };
  follow();
}
