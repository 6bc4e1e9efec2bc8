// Lines with bands, or points, over a linear or logarithmic axis; values under the pointer, zoom, legend that toggles.

const HEIGHT = 266;
const MOST_ROWS = 2000;
const SIDES = { left: 56, right: 14, top: 30, bottom: 40 };

const finite = (value) => value !== null && value !== undefined && Number.isFinite(value);

const niceStep = (span, count, steps = [1, 2, 2.5, 5, 10]) => {
  const raw = span / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * (steps.find((nice) => nice * power >= raw * 0.999) ?? 10);
};

const linearTicks = (low, high, count, whole) => {
  const step = whole ? Math.max(1, niceStep(high - low, count, [1, 2, 5, 10])) : niceStep(high - low, count);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-6; i += 1) ticks.push(i * step);
  return ticks;
};

const logTicks = (low, high) => {
  const ticks = [];
  const steps = Math.log10(high / low) < 2.5 ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power += 1) {
    for (const step of steps) if (step * 10 ** power >= low && step * 10 ** power <= high) ticks.push(step * 10 ** power);
  }
  return ticks;
};

class Scale {
  constructor([low, high], [start, end], log) {
    this.log = log;
    this.to = log ? Math.log10 : (value) => value;
    this.from = log ? (value) => 10 ** value : (value) => value;
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
    Object.assign(this, { low, high, start, end });
  }

  at(value) {
    const [low, high] = [this.to(this.low), this.to(this.high)];
    return this.start + ((this.to(value) - low) / (high - low)) * (this.end - this.start);
  }

  value(place) {
    const [low, high] = [this.to(this.low), this.to(this.high)];
    return this.from(low + ((place - this.start) / (this.end - this.start)) * (high - low));
  }

  ticks(count, whole) {
    return this.log ? logTicks(this.low, this.high) : linearTicks(this.low, this.high, count, whole);
  }
}

const SHAPES = [
  (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  (x, y, r) => `M${x} ${y - r * 1.2}L${x + r * 1.1} ${y + r * 0.8}H${x - r * 1.1}Z`,
  (x, y, r) => `M${x - r * 0.9} ${y - r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}Z`,
  (x, y, r) => `M${x} ${y - r * 1.3}L${x + r * 1.3} ${y}L${x} ${y + r * 1.3}L${x - r * 1.3} ${y}Z`,
  (x, y, r) => `M${x} ${y + r * 1.2}L${x + r * 1.1} ${y - r * 0.8}H${x - r * 1.1}Z`,
];

class Chart {
  constructor(mount, data) {
    this.data = data;
    this.hidden = new Set(data.series.flatMap((one, index) => (one.hidden ? [index] : [])));
    this.range = null;
    this.cursor = null;
    this.frame = ui.make("div", {
      class: "chart-frame",
      tabindex: 0,
      role: "group",
      "aria-label": `${data.title}. Arrow keys read values, plus and minus zoom, Escape shows all.`,
      on: {
        keydown: (event) => this.key(event),
        pointerdown: (event) => this.press(event),
        pointermove: (event) => this.move(event),
        pointerup: (event) => this.release(event),
        pointercancel: () => (this.pressed = null),
        pointerleave: () => this.pressed === null && this.point(null),
        blur: () => this.point(null),
        dblclick: () => this.show(null),
      },
    });
    this.pressed = null;
    this.tip = ui.make("div", { class: "tip", hidden: true });
    this.said = ui.make("p", { class: "unseen", "aria-live": "polite" });
    this.whole = ui.button("show all", () => this.show(null), { class: "quiet reset", hidden: true });
    mount.append(ui.make("div", { class: "chart-body" }, this.frame, this.tip, this.whole), this.legend(), this.said);
    mount.append(this.values());
    new ResizeObserver(() => this.draw()).observe(this.frame);
  }

  colour(index) {
    return ui.ink(this.data.series[index].colour ?? ui.SERIES[index % ui.SERIES.length]);
  }

  dash(index) {
    return this.data.series[index].dash ?? ui.DASHES[index % ui.DASHES.length];
  }

  legend() {
    const toggle = (series, index) => {
      const sample = series.points
        ? ui.edged("path", this.colour(index), 0.8, { d: SHAPES[index % SHAPES.length](11, 6, 4), fill: this.colour(index) })
        : ui.edged("path", this.colour(index), 0.8, { d: "M1 6H21", stroke: this.colour(index), "stroke-width": 2.5, "stroke-dasharray": this.dash(index) });
      const button = ui.button("", () => {
        this.hidden.has(index) ? this.hidden.delete(index) : this.hidden.add(index);
        button.setAttribute("aria-pressed", String(!this.hidden.has(index)));
        this.draw();
      });
      button.append(ui.svg("svg", { width: 22, height: 12, "aria-hidden": true }, ...sample), ui.name(series.name));
      button.setAttribute("aria-pressed", String(!this.hidden.has(index)));
      return button;
    };
    const drawn = this.data.series.map((series, index) => [series, index]).filter(([series]) => series.y.some(finite));
    return ui.make("div", { class: "legend" }, ...drawn.map(([series, index]) => toggle(series, index)));
  }

  values() {
    const details = ui.make("details", { class: "values" }, ui.make("summary", {}, "values as a table"));
    details.addEventListener("toggle", () => {
      if (details.childElementCount > 1) return;
      const heads = ["series", this.data.x.label, this.data.y.label];
      const rows = this.data.series.flatMap((one) =>
        one.x.map((x, i) => [one.name, ui.number(x), ui.number(one.y[i])]).filter((row) => row[2] !== "-"),
      );
      const line = (tag, cells) => ui.make("tr", {}, ...cells.map((cell) => ui.make(tag, {}, cell)));
      const body = ui.make("tbody", {}, ...rows.slice(0, MOST_ROWS).map((row) => line("td", row)));
      const table = ui.make("table", {}, ui.make("thead", {}, line("th", heads)), body);
      details.append(ui.make("div", { class: "table-wrap short", tabindex: 0 }, table));
      if (rows.length > MOST_ROWS) details.append(ui.make("p", { class: "note" }, `the first ${MOST_ROWS} of ${rows.length} rows`));
    });
    return details;
  }

  shown() {
    return this.data.series.map((one, index) => [one, index]).filter(([, index]) => !this.hidden.has(index));
  }

  domains() {
    const { x, y } = this.data;
    const usable = (axis) => (value) => finite(value) && (!axis.log || value > 0);
    const xs = this.data.series.flatMap((one) => one.x).filter(usable(x));
    const xRange = this.range ?? [x.min ?? Math.min(...xs), x.max ?? Math.max(...xs)];
    const inside = (one) => one.x.map((at) => at >= xRange[0] && at <= xRange[1]);
    const ys = this.shown().flatMap(([one]) => {
      const within = inside(one);
      return [one.y, one.low ?? [], one.high ?? []].flatMap((column) => column.filter((_, i) => within[i]));
    });
    const found = ys.filter(usable(y));
    let [low, high] = found.length ? [Math.min(...found), Math.max(...found)] : y.log ? [1, 10] : [0, 1];
    const room = y.log ? 0 : (high - low) * 0.06;
    if (!this.range) [low, high] = [Math.min(low - room, y.min ?? Infinity), Math.max(high + room, y.max ?? -Infinity)];
    else [low, high] = [low - room, high + room];
    if (y.min !== undefined && y.min !== null && found.every((v) => v >= y.min)) low = Math.max(low, y.min);
    return [xRange, [low, high]];
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width) return;
    const [xRange, yRange] = this.domains();
    this.x = new Scale(xRange, [SIDES.left, width - SIDES.right], this.data.x.log);
    this.y = new Scale(yRange, [HEIGHT - SIDES.bottom, SIDES.top], this.data.y.log);
    const id = `clip-${this.data.id}`;
    const clip = ui.svg("clipPath", { id }, ui.svg("rect", { x: SIDES.left - 6, y: SIDES.top - 6, width: width - SIDES.left - SIDES.right + 12, height: HEIGHT - SIDES.top - SIDES.bottom + 12 }));
    const lines = ui.svg("g", { "clip-path": `url(#${id})` }, ...this.shown().flatMap(([one, index]) => this.series(one, index)));
    this.over = ui.svg("g");
    this.frame.replaceChildren(
      ui.svg("svg", { width, height: HEIGHT, "aria-hidden": true }, ui.svg("defs", {}, clip), this.grid(width), this.marks(), lines, this.over),
    );
    this.whole.hidden = this.range === null;
    if (this.cursor !== null) this.point(this.cursor);
  }

  grid(width) {
    const parts = [];
    const bottom = HEIGHT - SIDES.bottom;
    for (const tick of this.y.ticks(6)) {
      const y = this.y.at(tick);
      parts.push(ui.svg("path", { class: "grid", d: `M${SIDES.left} ${y}H${width - SIDES.right}` }));
      parts.push(ui.svg("text", { x: SIDES.left - 8, y: y + 4, "text-anchor": "end" }, ui.number(tick, 3)));
    }
    for (const [x, said] of this.upright(width)) {
      parts.push(ui.svg("path", { class: "grid", d: `M${x} ${bottom}v5` }));
      parts.push(ui.svg("text", { x, y: bottom + 18, "text-anchor": "middle" }, said));
    }
    parts.push(ui.svg("path", { class: "axis", d: `M${SIDES.left} ${bottom}H${width - SIDES.right}` }));
    const middle = (SIDES.left + width - SIDES.right) / 2;
    parts.push(ui.svg("text", { class: "label", x: middle, y: HEIGHT - 5, "text-anchor": "middle" }, this.data.x.label));
    const { label, log } = this.data.y;
    parts.push(ui.svg("text", { class: "label", x: 2, y: 12 }, log ? `${label}, logarithmic` : label));
    return ui.svg("g", {}, ...parts);
  }

  upright(width) {
    const own = this.data.x.ticks ?? [];
    const inside = own.filter((tick) => tick >= this.x.low && tick <= this.x.high).map(Math.round);
    const ticks = own.length ? inside : this.x.ticks(Math.max(2, width / 90), this.data.x.whole);
    let end = -Infinity;
    return ticks.map((tick) => [this.x.at(tick), ui.number(tick, 3)]).filter(([x, said]) => {
      const half = said.length * 3.6;
      if (x - half < end + 6) return false;
      end = x + half;
      return true;
    });
  }

  marks() {
    const inside = (this.data.marks ?? []).filter((mark) => mark.x >= this.x.low && mark.x <= this.x.high);
    return ui.svg("g", {}, ...inside.flatMap((mark) => {
      const x = this.x.at(mark.x);
      const left = x > (this.x.start + this.x.end) / 2;
      return [
        ui.svg("path", { class: "mark", d: `M${x} ${SIDES.top}V${HEIGHT - SIDES.bottom}` }),
        ui.svg("text", { class: "mark", x: x + (left ? -5 : 5), y: SIDES.top - 5, "text-anchor": left ? "end" : "start" }, mark.label),
      ];
    }));
  }

  series(one, index) {
    const colour = this.colour(index);
    const places = one.x.map((x, i) => (finite(x) && finite(one.y[i]) && (!this.data.x.log || x > 0) && (!this.data.y.log || one.y[i] > 0) ? [this.x.at(x), this.y.at(one.y[i])] : null));
    if (one.points) {
      const d = places.filter(Boolean).map(([x, y]) => SHAPES[index % SHAPES.length](x, y, 3.4)).join("");
      return ui.edged("path", colour, 0.6, { d, fill: colour, "fill-opacity": 0.7, stroke: colour, "stroke-width": 0.7 });
    }
    const parts = [];
    if (one.low) {
      const kept = one.x.map((x, i) => [x, one.low[i], one.high[i]]).filter((row) => row.every(finite));
      const up = kept.map(([x, , high]) => `${this.x.at(x)} ${this.y.at(high)}`);
      const down = kept.map(([x, low]) => `${this.x.at(x)} ${this.y.at(low)}`).reverse();
      if (kept.length) parts.push(ui.svg("path", { d: `M${[...up, ...down].join("L")}Z`, fill: colour, opacity: 0.16 }));
    }
    const gaps = this.data.join ? places.filter(Boolean) : places;
    const d = gaps.map((at, i) => (at ? `${i && gaps[i - 1] ? "L" : "M"}${at[0]} ${at[1]}` : "")).join("");
    parts.push(...ui.edged("path", colour, 0.8, { d, fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": this.dash(index), "stroke-linejoin": "round" }));
    const known = places.filter(Boolean);
    if (known.length < 40) parts.push(...known.flatMap(([x, y]) => ui.edged("circle", colour, 0.8, { cx: x, cy: y, r: known.length < 15 ? 3 : 2, fill: colour })));
    return parts;
  }

  show(range) {
    this.range = range;
    this.draw();
  }

  stops() {
    const xs = this.shown().flatMap(([one]) => one.x.filter((x, i) => finite(x) && finite(one.y[i])));
    return [...new Set(xs)].filter((x) => x >= this.x.low && x <= this.x.high).sort((a, b) => a - b);
  }

  point(x, pixelY = null) {
    this.cursor = x;
    this.over?.replaceChildren();
    this.tip.hidden = x === null;
    if (x === null) return;
    const rows = this.under(x, pixelY);
    this.tip.replaceChildren(ui.make("b", {}, `${this.data.x.label} ${ui.number(rows[0]?.x ?? x)}`), ...rows.map((row) => this.row(row)));
    const at = this.x.at(rows[0]?.x ?? x);
    this.over.append(ui.svg("path", { class: "cursor", d: `M${at} ${SIDES.top}V${HEIGHT - SIDES.bottom}` }));
    for (const row of rows) this.over.append(ui.svg("circle", { cx: at, cy: this.y.at(row.y), r: 4.5, fill: this.colour(row.index), stroke: "var(--card)", "stroke-width": 1.5 }));
    const right = at > (this.x.start + this.x.end) / 2;
    this.tip.style.left = right ? "auto" : `${at + 14}px`;
    this.tip.style.right = right ? `${this.frame.clientWidth - at + 14}px` : "auto";
    return rows;
  }

  row({ index, y, text }) {
    const swatch = ui.make("i", { style: { background: this.colour(index) } });
    return ui.make("div", {}, swatch, ui.name(this.data.series[index].name), ui.make("span", {}, ui.number(y)), ui.make("em", {}, text ?? ""));
  }

  under(x, pixelY) {
    const found = this.shown().flatMap(([one, index]) =>
      one.x.flatMap((at, i) => (finite(at) && finite(one.y[i]) ? [{ index, x: at, y: one.y[i], text: one.text?.[i] }] : [])),
    );
    if (pixelY !== null && this.data.series.some((one) => one.points)) {
      const far = (row) => Math.hypot(this.x.at(row.x) - this.x.at(x), this.y.at(row.y) - pixelY);
      return found.sort((a, b) => far(a) - far(b)).slice(0, 1);
    }
    const nearest = Math.min(...found.map((row) => Math.abs(this.x.to(row.x) - this.x.to(x))));
    return found.filter((row) => Math.abs(this.x.to(row.x) - this.x.to(x)) <= nearest + 1e-12).filter((row, i, all) => all.findIndex((other) => other.index === row.index) === i);
  }

  place(event) {
    const box = this.frame.getBoundingClientRect();
    const x = Math.min(Math.max(event.clientX - box.left, this.x.start), this.x.end);
    return [this.x.value(x), event.clientY - box.top];
  }

  press(event) {
    if (event.button) return;
    this.pressed = this.place(event)[0];
    this.frame.setPointerCapture(event.pointerId);
  }

  move(event) {
    const [x, y] = this.place(event);
    if (this.pressed === null) return void this.point(x, y);
    this.point(null);
    const [start, end] = [this.x.at(this.pressed), this.x.at(x)].sort((a, b) => a - b);
    this.over.replaceChildren(ui.svg("rect", { class: "span", x: start, y: SIDES.top, width: end - start, height: HEIGHT - SIDES.top - SIDES.bottom }));
  }

  release(event) {
    if (this.pressed === null) return;
    const ends = [this.pressed, this.place(event)[0]].sort((a, b) => a - b);
    this.pressed = null;
    const wide = this.x.at(ends[1]) - this.x.at(ends[0]) > 8;
    wide ? this.show(ends) : this.draw();
  }

  key(event) {
    const stops = this.stops();
    const at = this.cursor === null ? -1 : stops.findIndex((x) => x >= this.cursor - 1e-12);
    const steps = { ArrowRight: at + 1, ArrowLeft: at < 0 ? stops.length - 1 : at - 1, Home: 0, End: stops.length - 1 };
    if (event.key in steps) {
      const rows = this.point(stops[Math.min(Math.max(steps[event.key], 0), stops.length - 1)] ?? null);
      this.said.textContent = (rows ?? []).map((row) => `${this.data.series[row.index].name} ${ui.number(row.y)}`).join(", ");
    } else if (event.key === "+" || event.key === "=" || event.key === "-") {
      this.zoom(event.key === "-" ? 2 : 0.5);
    } else if (event.key === "Escape" || event.key === "0") {
      this.show(null);
    } else return;
    event.preventDefault();
  }

  zoom(factor) {
    const { to, from, low, high } = this.x;
    const middle = to(this.cursor ?? from((to(low) + to(high)) / 2));
    const half = ((to(high) - to(low)) / 2) * factor;
    this.range = null;
    const [whole] = this.domains();
    const ends = [Math.max(from(middle - half), whole[0]), Math.min(from(middle + half), whole[1])];
    this.show(ends[0] <= whole[0] && ends[1] >= whole[1] ? null : ends);
  }
}

ui.parts.chart = (mount, data) => new Chart(mount, data);
