"use strict";
// Everything a page does by itself. Text reaches it through textContent and attributes alone, never as markup.

const ui = { parts: {}, openers: [] };

ui.SERIES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "ink", "#b3a800"];
ui.DASHES = ["", "7 4", "2 3", "9 3 2 3"];

ui.fill = (element, properties) => {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "style") for (const [key, said] of Object.entries(value)) element.style.setProperty(key, said);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
};

ui.make = (tag, properties, ...children) => {
  const element = ui.fill(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

ui.svg = (tag, properties, ...children) => {
  const element = ui.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties);
  element.append(...children);
  return element;
};

ui.number = (value, digits = 4) => {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(digits)));
};

ui.ink = (colour) => (colour === "ink" ? "var(--ink)" : colour);

// What stands out too little from a card gets an edge: "pale" colours on a light page, "dark" ones on a dark page.
ui.edge = (colour) => {
  if (!colour.startsWith("#")) return null;
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return light > 0.475 ? "pale" : light < 0.11 ? "dark" : null;
};

// A shape of a chart or its legend, with its edge where it needs one.
ui.edged = (tag, colour, width, properties) => {
  const edge = ui.edge(colour);
  const line = properties.stroke ? { "stroke-width": Number(properties["stroke-width"] ?? 0) + 2 * width } : { "stroke-width": 2 * width };
  const under = edge && ui.svg(tag, { ...properties, ...line, fill: "none", stroke: null, class: `edge ${edge}` });
  return [...(under ? [under] : []), ui.svg(tag, properties)];
};

ui.name = (text) => ui.make("bdi", {}, text);

let nextName = 0;
ui.choice = (label, options, chosen, act) => {
  const group = `choice-${(nextName += 1)}`;
  const pick = ([value, words]) => {
    const input = ui.make("input", { type: "radio", name: group, value, on: { change: () => act(value) } });
    input.checked = value === chosen;
    return ui.make("label", { class: "chip" }, input, ui.make("span", {}, words));
  };
  return ui.make("fieldset", { class: "choice" }, ui.make("legend", {}, label), ...options.map(pick));
};

ui.select = (label, options, chosen, act) => {
  const menu = ui.make("select", { on: { change: () => act(menu.value) } });
  for (const [value, words, group] of options) {
    let parent = menu;
    if (group) {
      parent = [...menu.querySelectorAll("optgroup")].find((one) => one.label === group);
      if (!parent) menu.append((parent = ui.make("optgroup", { label: group })));
    }
    parent.append(ui.make("option", { value }, words));
  }
  menu.value = chosen;
  return ui.make("label", { class: "field" }, ui.make("span", {}, label), menu);
};

ui.slider = (label, value, act) => {
  const input = ui.make("input", { type: "range", min: 0, max: 100, step: 1, on: { input: () => act(input.value / 100) } });
  input.value = Math.round(value * 100);
  return ui.make("label", { class: "field" }, ui.make("span", {}, label), input);
};

ui.search = (label, act) => {
  const input = ui.make("input", { type: "search", autocomplete: "off", spellcheck: "false", on: { input: () => act(input.value.trim()) } });
  return ui.make("label", { class: "field" }, ui.make("span", {}, label), input);
};

ui.button = (words, act, properties) => ui.make("button", { type: "button", on: { click: act }, ...properties }, words);

// A file whose text is here: to save, or to copy.
ui.file = ({ name, text, words }) => {
  const link = ui.make("a", { href: `data:text/csv;charset=utf-8,${encodeURIComponent(text)}`, download: name }, words);
  const copy = ui.button("copy", () => ui.copy(copy, text), { class: "quiet", "aria-label": `copy ${name}` });
  return ui.make("p", { class: "file" }, link, copy);
};

ui.copy = async (button, text) => {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    button.textContent = "copying is blocked";
  }
  setTimeout(() => (button.textContent = before), 1500);
};

ui.theme = () => {
  const root = document.documentElement;
  const dark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const button = document.querySelector("#theme");
  const tell = () => (button.textContent = dark() ? "light" : "dark");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    tell();
    document.dispatchEvent(new Event("themechange"));
  });
  tell();
};

ui.tables = () => {
  for (const table of document.querySelectorAll("table.sortable")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      const button = head.querySelector("button");
      button?.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        const body = table.tBodies[0];
        const worth = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
        const ordered = [...body.rows].sort((one, other) => {
          const [a, b] = [worth(one), worth(other)];
          if (a === "" || b === "") return (a === "") - (b === "");
          return sign * (Number.isNaN(Number(a)) ? a.localeCompare(b) : Number(a) - Number(b));
        });
        body.append(...ordered);
      });
    });
  }
};

ui.contents = () => {
  const links = new Map([...document.querySelectorAll("nav.contents a")].map((link) => [link.hash.slice(1), link]));
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  links.forEach((_, id) => watcher.observe(document.getElementById(id)));
};

ui.copying = () => {
  for (const button of document.querySelectorAll("button.copy")) {
    button.addEventListener("click", () => ui.copy(button, button.parentElement.querySelector("code").textContent));
  }
};

// The page of a training that goes on is loaded again, but not while its reader looks closer or writes.
ui.again = () => {
  const seconds = Number(document.documentElement.dataset.again ?? 0);
  const busy = () => document.hidden || document.querySelector("dialog[open]") || document.activeElement?.matches("input, select");
  if (seconds) setInterval(() => busy() || location.reload(), seconds * 1000);
};

// A flag stays on one line: browsers break a line after a hyphen, and so between the two of a flag.
ui.flags = () => {
  for (const place of document.querySelectorAll("header p, header li, .lead, .under, pre")) {
    const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) if (/--\w/.test(walker.currentNode.data)) texts.push(walker.currentNode);
    for (const one of texts) {
      const parts = one.data.split(/(--\w+)/).map((part, i) => (i % 2 ? ui.make("span", { class: "flag" }, part) : part));
      one.replaceWith(...parts);
    }
  }
};

ui.start = () => {
  ui.again();
  ui.flags();
  ui.theme();
  ui.tables();
  ui.contents();
  ui.copying();
  for (const mount of document.querySelectorAll("[data-part]")) {
    const data = JSON.parse(document.getElementById(mount.dataset.from).textContent);
    ui.parts[mount.dataset.part](mount, data);
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => (one.open = true)));
  document.documentElement.dataset.ready = "true";
};
