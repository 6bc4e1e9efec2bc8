// Pictures with layers that fade or wipe over them; sorted, filtered, and one at a time in a dialog.

const nameSlider = (slider, mode) => (slider.querySelector("span").textContent = mode === "wipe" ? "how far" : "opacity");

class Gallery {
  constructor(mount, data) {
    this.data = data;
    this.state = { layer: data.start, mode: data.mode, strength: data.strength, order: 0, kind: "", words: "" };
    this.cards = data.items.map((item, index) => this.card(item, index));
    this.list = ui.make("div", { class: "cards" });
    this.count = ui.make("p", { class: "count", role: "status" });
    this.key = ui.make("div", { class: "keys" });
    mount.append(this.controls(), this.key, this.count, this.list);
    if (data.listing) mount.append(ui.file(data.listing));
    this.watcher = new IntersectionObserver((entries) => entries.forEach((e) => e.isIntersecting && this.load(e.target)), { rootMargin: "600px" });
    this.cards.forEach((card) => this.watcher.observe(card));
    addEventListener("beforeprint", () => this.cards.forEach((card) => this.load(card)));
    this.arrange();
    this.paint();
    ui.openers.push((key) => {
      const index = data.items.findIndex((item) => item.id === key);
      if (index >= 0) this.open(index);
      return index >= 0;
    });
  }

  has(key) {
    return this.data.items.some((item) => item.id === key);
  }

  controls() {
    const set = (name, then) => (value) => {
      this.state[name] = value;
      then();
    };
    const paint = () => this.paint();
    const blend = () => {
      this.cards.forEach((card) => this.blend(card.querySelector(".stage"), this.state));
      nameSlider(slider, this.state.mode);
    };
    const arrange = () => this.arrange();
    const slider = ui.slider("", this.state.strength, set("strength", blend));
    nameSlider(slider, this.state.mode);
    const parts = [
      ui.select("layer", this.layerOptions(), this.state.layer, set("layer", paint)),
      ui.choice("shown by", [["fade", "fading"], ["wipe", "wiping"]], this.state.mode, set("mode", blend)),
      slider,
      ui.select("order", this.data.orders.map((one, i) => [String(i), one.name]), "0", set("order", arrange)),
    ];
    if (this.data.kinds.length) {
      const kinds = [["", "all"], ...this.data.kinds.map((name, i) => [String(i), name])];
      parts.push(ui.select(this.data.kinds_label, kinds, "", set("kind", arrange)));
    }
    parts.push(ui.search("name", (words) => set("words", arrange)(words.toLowerCase())));
    return ui.make("div", { class: "controls" }, ...parts);
  }

  layerOptions() {
    return [["", "none"], ...this.data.layers.map((layer) => [layer.key, layer.name, layer.group])];
  }

  card(item, index) {
    const picture = ui.make("span", { class: "stage" });
    const score = ui.make("span", { class: "score" }, item.badge);
    const name = ui.make("span", { class: "name", dir: "auto", title: item.name }, item.name);
    const button = ui.button("", () => this.open(index), { class: "card", "aria-label": `${item.name}, ${item.badge}: look closer` });
    button.dataset.index = index;
    button.append(picture, ui.make("span", { class: "caption" }, name, score));
    return button;
  }

  load(card) {
    if (card.dataset.loaded) return;
    card.dataset.loaded = "true";
    this.watcher.unobserve(card);
    this.stage(card.querySelector(".stage"), this.data.items[card.dataset.index], this.state);
  }

  stage(stage, item, state) {
    const layer = this.data.layers.find((one) => one.key === state.layer);
    const over = layer ? item.layers[layer.key] : undefined;
    const base = ui.make("img", { src: item.layers.image, alt: item.name, draggable: "false" });
    stage.replaceChildren(base);
    if (layer) {
      if (over) stage.append(ui.make("img", { src: over, alt: layer.name, class: `layer ${layer.crisp ? "crisp" : ""}`, draggable: "false" }));
      else stage.append(ui.make("span", { class: "absent" }, "not available"));
    }
    stage.append(ui.make("span", { class: "divider" }));
    this.blend(stage, state);
  }

  blend(stage, { mode, strength }) {
    stage.dataset.mode = mode;
    stage.style.setProperty("--strength", strength);
    stage.style.setProperty("--cut", `${(1 - strength) * 100}%`);
  }

  paint() {
    for (const card of this.cards) {
      if (card.dataset.loaded) this.stage(card.querySelector(".stage"), this.data.items[card.dataset.index], this.state);
    }
    this.key.replaceChildren(...this.keys(this.state.layer));
  }

  keys(layerKey, item) {
    const layer = this.data.layers.find((one) => one.key === layerKey);
    const words = layer?.note ? [ui.make("span", { class: "muted" }, layer.note)] : [];
    if (item?.notes?.[layerKey]) words.push(ui.make("span", { class: "muted" }, item.notes[layerKey]));
    const swatches = (layer?.legend ?? []).map(([name, colour]) =>
      ui.make("span", { class: "swatch" }, ui.make("i", { style: { background: colour } }), ui.name(name)),
    );
    return [...swatches, ...words];
  }

  arrange() {
    const order = this.data.orders[Number(this.state.order)];
    const worth = (card) => this.data.items[card.dataset.index].sort[order.key];
    const ofKind = (item) => this.state.kind === "" || item.kinds.includes(Number(this.state.kind));
    const named = (item) => item.name.toLowerCase().includes(this.state.words);
    const kept = this.cards.filter((card) => [ofKind, named].every((test) => test(this.data.items[card.dataset.index])));
    kept.sort((one, other) => {
      const [a, b] = [worth(one), worth(other)];
      if (a === null || b === null) return (a === null) - (b === null);
      return typeof a === "string" ? a.localeCompare(b) : order.sign * (a - b);
    });
    this.order = kept.map((card) => Number(card.dataset.index));
    this.list.replaceChildren(...kept);
    this.count.textContent = `${kept.length} of ${this.cards.length} picture${this.cards.length === 1 ? "" : "s"}`;
  }

  open(index) {
    this.dialog ??= new Closer(this);
    this.dialog.open(index);
  }
}

class Closer {
  constructor(gallery) {
    this.gallery = gallery;
    this.state = { ...gallery.state };
    this.title = ui.make("h3", { dir: "auto" });
    this.place = ui.make("span", { class: "muted" });
    this.stage = ui.make("div", { class: "stage large", on: { pointermove: (e) => this.read(e), pointerdown: (e) => this.drag(e), pointerleave: () => (this.readout.textContent = " ") } });
    this.readout = ui.make("p", { class: "readout", role: "status" }, " ");
    this.key = ui.make("div", { class: "keys" });
    this.strip = ui.make("div", { class: "strip", role: "group", "aria-label": "layers" });
    this.figures = ui.make("div", { class: "table-wrap" });
    this.slider = ui.slider("", this.state.strength, (value) => this.set("strength", value));
    const modes = ui.choice("shown by", [["fade", "fading"], ["wipe", "wiping"]], this.state.mode, (value) => this.set("mode", value));
    const bar = ui.make("div", { class: "bar" },
      ui.button("‹", () => this.step(-1), { "aria-label": "previous picture" }),
      ui.button("›", () => this.step(1), { "aria-label": "next picture" }),
      this.place, ui.button("close", () => this.element.close(), { class: "quiet end" }));
    const left = ui.make("div", { class: "left" }, this.stage, this.readout, ui.make("div", { class: "controls" }, modes, this.slider), this.key);
    const right = ui.make("div", { class: "right" }, this.strip, this.figures);
    this.element = ui.make("dialog", { class: "closer", "aria-label": "one picture", on: { keydown: (e) => this.press(e), click: (e) => e.target === this.element && this.element.close() } },
      ui.make("div", { class: "inside" }, bar, this.title, ui.make("div", { class: "columns" }, left, right)));
    document.body.append(this.element);
  }

  open(index) {
    Object.assign(this.state, this.gallery.state);
    this.slider.querySelector("input").value = Math.round(this.state.strength * 100);
    this.element.querySelectorAll(".choice input").forEach((one) => (one.checked = one.value === this.state.mode));
    this.item(index);
    if (!this.element.open) this.element.showModal();
  }

  item(index) {
    this.index = index;
    const item = this.gallery.data.items[index];
    this.maps = {};
    this.title.textContent = item.name;
    const at = this.gallery.order.indexOf(index);
    this.place.textContent = at < 0 ? "" : `${at + 1} of ${this.gallery.order.length}`;
    const lines = (rows) => ui.make("tbody", {}, ...rows.map(([name, ...values]) => ui.make("tr", {}, ui.make("th", { scope: "row" }, ui.name(name)), ...values.map((v) => ui.make("td", {}, v)))));
    const head = ui.make("thead", {}, ui.make("tr", {}, ...this.gallery.data.figure_heads.map((name) => ui.make("th", {}, name))));
    this.figures.replaceChildren(ui.make("table", {}, head, lines(item.figures)), ...(item.facts ? [ui.make("table", {}, lines(item.facts))] : []));
    this.thumbs(item);
    this.paint();
  }

  thumbs(item) {
    const known = this.gallery.data.layers.filter((layer) => item.layers[layer.key]);
    this.strip.replaceChildren(...known.map((layer) => {
      const stage = ui.make("span", { class: "stage" }, ui.make("img", { src: item.layers.image, alt: "" }),
        ui.make("img", { src: item.layers[layer.key], alt: "", class: `layer ${layer.crisp ? "crisp" : ""}` }));
      const button = ui.button("", () => this.set("layer", layer.key), { "aria-pressed": "false" });
      button.dataset.layer = layer.key;
      button.append(stage, ui.make("span", { dir: "auto" }, ...(layer.group ? [ui.make("small", {}, layer.group)] : []), layer.name));
      return button;
    }));
  }

  paint() {
    this.gallery.stage(this.stage, this.gallery.data.items[this.index], this.state);
    nameSlider(this.slider, this.state.mode);
    this.strip.querySelectorAll("button").forEach((one) => one.setAttribute("aria-pressed", String(one.dataset.layer === this.state.layer)));
    this.key.replaceChildren(...this.gallery.keys(this.state.layer, this.gallery.data.items[this.index]));
  }

  set(name, value) {
    this.state[name] = value;
    nameSlider(this.slider, this.state.mode);
    name === "layer" ? this.paint() : this.gallery.blend(this.stage, this.state);
  }

  step(by) {
    const order = this.gallery.order;
    const at = Math.max(order.indexOf(this.index), 0);
    this.item(order[(at + by + order.length) % order.length] ?? this.index);
  }

  press(event) {
    if (event.target.matches("input")) return;
    if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "ArrowRight") this.step(1);
  }

  drag(event) {
    if (this.state.mode === "wipe") this.wipe(event);
  }

  wipe(event) {
    const box = this.stage.getBoundingClientRect();
    const share = 1 - Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    this.slider.querySelector("input").value = Math.round(share * 100);
    this.set("strength", share);
  }

  async read(event) {
    if (event.buttons && this.state.mode === "wipe") this.wipe(event);
    const item = this.gallery.data.items[this.index];
    const box = this.stage.getBoundingClientRect();
    const [u, v] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const words = [];
    for (const [name, source] of Object.entries(item.maps ?? {})) {
      const map = (this.maps[name] ??= this.pixels(source));
      const { data, width, height } = await map;
      const [x, y] = [Math.floor(u * width), Math.floor(v * height)];
      if (x < 0 || y < 0 || x >= width || y >= height) return;
      words.push(`${name}: ${this.gallery.data.classes[data[4 * (y * width + x)]] ?? "not labelled"}`);
    }
    this.readout.textContent = words.join(" · ") || " ";
  }

  async pixels(source) {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = ui.make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
    const brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0);
    return brush.getImageData(0, 0, canvas.width, canvas.height);
  }
}

ui.parts.gallery = (mount, data) => new Gallery(mount, data);
