// Small plots of the last two minutes, drawn on a canvas in the colors of the page.

const LENGTH = 120;

export class Plot {
  // The values of one figure; `ceiling` is the least top of the scale.
  constructor(canvas, ceiling) {
    this.canvas = canvas;
    this.ceiling = ceiling;
    this.values = [];
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > LENGTH) this.values.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const color = getComputedStyle(canvas).color;
    const top = Math.max(this.ceiling, ...this.values) * 1.1;
    const x = (index) => width - ((this.values.length - 1 - index) * width) / (LENGTH - 1);
    const y = (value) => height - 1.5 - (value / top) * (height - 3);
    const line = new Path2D();
    this.values.forEach((value, index) => line.lineTo(x(index), y(value)));
    const area = new Path2D(line);
    area.lineTo(width, height);
    area.lineTo(x(0), height);
    context.fillStyle = context.strokeStyle = color;
    context.globalAlpha = 0.15;
    context.fill(area);
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.stroke(line);
  }
}
