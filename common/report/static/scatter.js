// A cloud of images, one point each, in one or two panels that move together.

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];

const ramp = (share) => {
  const at = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const [low, high] = [VIRIDIS[Math.floor(at)], VIRIDIS[Math.ceil(at)]];
  const mix = (from) => Math.round(parseInt(low.slice(from, from + 2), 16) * (1 - (at % 1)) + parseInt(high.slice(from, from + 2), 16) * (at % 1));
  return `rgb(${mix(1)} ${mix(3)} ${mix(5)})`;
};

class Scatter {
  constructor(mount, data) {
    this.data = data;
    this.state = { plane: data.planes[0].key, colour: 0 };
    this.chosen = null;
    this.hovered = null;
    this.ranges = data.colours.map((one) => {
      const known = one.values.filter((value) => value !== null);
      return [Math.min(...known), Math.max(...known)];
    });
    this.panels = data.panels.map((panel) => this.panel(panel));
    this.key = ui.make("div", { class: "keys" });
    this.tip = ui.make("div", { class: "tip thumb", hidden: true });
    this.inspector = ui.make("div", { class: "inspector", role: "status" });
    const controls = [];
    if (data.planes.length > 1) controls.push(ui.choice("map", data.planes.map((one) => [one.key, one.name]), this.state.plane, (v) => this.set("plane", v)));
    if (data.colours.length > 1) controls.push(ui.choice("colour", data.colours.map((one, i) => [String(i), one.name]), "0", (v) => this.set("colour", Number(v))));
    mount.append(ui.make("div", { class: "controls" }, ...controls), this.key, ui.make("div", { class: "panels" }, ...this.panels.map((one) => one.element)), this.inspector, this.tip);
    this.mount = mount;
    document.addEventListener("themechange", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.inspect(null);
  }

  panel(panel) {
    const canvas = ui.make("canvas", {
      tabindex: 0,
      role: "img",
      "aria-label": `${panel.title}: ${this.data.names.length} images as points. Arrow keys go from point to point, Enter shows the image.`,
    });
    const one = { panel, canvas, element: ui.make("div", { class: "panel" }, ui.make("h4", {}, panel.title), canvas) };
    if (panel.note) one.element.append(ui.make("p", { class: "muted" }, panel.note));
    ui.fill(canvas, { on: {
      pointermove: (event) => this.hover(one, event),
      pointerleave: () => this.point(one, null),
      click: (event) => this.choose(this.nearest(one, event)),
      keydown: (event) => this.press(one, event),
      blur: () => this.point(one, null),
    } });
    new ResizeObserver(() => this.draw()).observe(canvas);
    return one;
  }

  set(name, value) {
    this.state[name] = value;
    this.draw();
  }

  at(one, index) {
    const places = one.panel.places[this.state.plane];
    const [width, height] = [one.canvas.clientWidth, one.canvas.clientHeight];
    return [16 + (places[2 * index] / 4095) * (width - 32), 16 + (1 - places[2 * index + 1] / 4095) * (height - 32)];
  }

  colour(index) {
    const by = this.data.colours[this.state.colour];
    const value = by.values[index];
    if (by.kind === "class") return [ui.css(by.colours[value]), value];
    const [low, high] = this.ranges[this.state.colour];
    return [value === null ? ui.css("muted") : ramp(high > low ? (value - low) / (high - low) : 0.5), 0];
  }

  draw() {
    for (const one of this.panels) this.drawPanel(one);
    this.key.replaceChildren(...this.legend());
  }

  drawPanel(one) {
    const { canvas } = one;
    const ratio = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
    if (!canvas.width) return;
    const brush = canvas.getContext("2d");
    brush.scale(ratio, ratio);
    const radius = this.data.names.length > 1500 ? 2.4 : this.data.names.length > 400 ? 3.2 : 4.4;
    brush.globalAlpha = 0.82;
    [brush.strokeStyle, brush.lineWidth] = [ui.css("ink"), 0.6];
    const edges = { pale: ui.css("pale-edge") === "1", dark: ui.css("dark-edge") === "1" };
    this.data.names.forEach((_, index) => {
      const [x, y] = this.at(one, index);
      const [colour, shape] = this.colour(index);
      const path = new Path2D(SHAPES[shape % SHAPES.length](x, y, radius));
      brush.fillStyle = colour;
      brush.fill(path);
      if (edges[ui.edge(colour)]) brush.stroke(path);
    });
    brush.globalAlpha = 1;
    for (const [index, width] of [[this.hovered, 2], [this.chosen, 3.5]]) {
      if (index === null) continue;
      const [x, y] = this.at(one, index);
      brush.strokeStyle = ui.css("ink");
      brush.lineWidth = width;
      brush.stroke(new Path2D(SHAPES[0](x, y, radius + 4)));
    }
  }

  legend() {
    const by = this.data.colours[this.state.colour];
    if (by.kind === "class") {
      const seen = new Set(by.values);
      return by.names.map((name, k) => seen.has(k) && ui.make("span", { class: "swatch" },
        ui.svg("svg", { width: 14, height: 14, "aria-hidden": true }, ...ui.edged("path", by.colours[k], 0.6, { d: SHAPES[k % SHAPES.length](7, 7, 5), fill: ui.ink(by.colours[k]) })), ui.name(name))).filter(Boolean);
    }
    const [low, high] = this.ranges[this.state.colour];
    const bar = ui.make("i", { class: "ramp", style: { background: `linear-gradient(90deg, ${VIRIDIS.join(",")})` } });
    return [ui.make("span", { class: "swatch" }, `${by.name} ${ui.number(low, 3)}`, bar, ui.number(high, 3))];
  }

  nearest(one, event, reach = 22) {
    const box = one.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, reach];
    this.data.names.forEach((_, index) => {
      const [a, b] = this.at(one, index);
      const far = Math.hypot(a - x, b - y);
      if (far < least) [best, least] = [index, far];
    });
    return best;
  }

  hover(one, event) {
    const index = this.nearest(one, event);
    if (index !== this.hovered) this.point(one, index);
  }

  point(one, index) {
    this.hovered = index;
    this.panels.forEach((each) => this.drawPanel(each));
    this.tip.hidden = index === null;
    if (index === null) return;
    const [x, y] = this.at(one, index);
    const [panel, mount] = [one.canvas.getBoundingClientRect(), this.mount.getBoundingClientRect()];
    this.tip.replaceChildren(...this.thumb(index, "images", 96), ui.make("span", { class: "name", dir: "auto" }, this.data.names[index]), ui.make("span", { class: "muted" }, this.said(index)));
    const left = panel.left - mount.left + x;
    this.tip.style.left = left > mount.width / 2 ? "auto" : `${left + 14}px`;
    this.tip.style.right = left > mount.width / 2 ? `${mount.width - left + 14}px` : "auto";
    this.tip.style.top = `${panel.top - mount.top + Math.max(y - 60, 0)}px`;
  }

  said(index) {
    return this.data.colours.map((by) => `${by.name} ${by.kind === "class" ? by.names[by.values[index]] : ui.number(by.values[index], 3)}`).join(", ");
  }

  thumb(index, sheet, side) {
    const { sprites, columns, size, slots } = this.data.thumbs;
    const slot = slots[index];
    if (slot < 0 || !sprites[sheet]) return [];
    const [rows, scale] = [Math.ceil(slots.filter((one) => one >= 0).length / columns), side / size];
    const style = {
      width: `${side}px`, height: `${side}px`, "background-image": `url("${sprites[sheet]}")`,
      "background-size": `${columns * side}px ${rows * side}px`,
      "background-position": `${-(slot % columns) * size * scale}px ${-Math.floor(slot / columns) * size * scale}px`,
    };
    return [ui.make("span", { class: "tile", style, role: "img", "aria-label": `${sheet}: ${this.data.names[index]}` })];
  }

  choose(index) {
    if (index === null) return;
    this.chosen = index;
    this.draw();
    this.inspect(index);
  }

  inspect(index) {
    if (index === null) return void this.inspector.replaceChildren(ui.make("p", { class: "muted" }, "Click a point, or reach it by arrow keys and press Enter, to see its image here."));
    const look = (sheet) => this.thumb(index, sheet, 112).map((tile) => ui.make("figure", {}, tile, ui.make("figcaption", {}, this.data.sheets[sheet])));
    const words = ui.make("div", {}, ui.make("b", { dir: "auto" }, this.data.names[index]), ui.make("p", {}, this.said(index)));
    if (this.data.in_gallery[index]) words.append(ui.button("look closer", () => ui.openers.some((open) => open(this.data.ids[index]))));
    this.inspector.replaceChildren(...Object.keys(this.data.sheets).flatMap(look), words);
  }

  press(one, event) {
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in ways) {
      this.point(one, this.hovered === null ? this.chosen ?? 0 : this.next(one, ways[event.key]));
      this.inspector.dataset.at = this.hovered;
    } else if (event.key === "Enter" || event.key === " ") this.choose(this.hovered);
    else return;
    event.preventDefault();
  }

  next(one, [dx, dy]) {
    const [x, y] = this.at(one, this.hovered);
    let [best, least] = [this.hovered, Infinity];
    this.data.names.forEach((_, index) => {
      const [a, b] = this.at(one, index);
      const [along, aside] = [(a - x) * dx + (b - y) * dy, Math.abs((a - x) * dy) + Math.abs((b - y) * dx)];
      if (along > 0.5 && along + 2 * aside < least) [best, least] = [index, along + 2 * aside];
    });
    return best;
  }
}

ui.css = (colour) => (colour.startsWith("#") ? colour : getComputedStyle(document.documentElement).getPropertyValue(`--${colour}`).trim());

ui.parts.scatter = (mount, data) => new Scatter(mount, data);
