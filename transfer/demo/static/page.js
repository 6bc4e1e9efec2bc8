"use strict";

const by = (id) => document.getElementById(id);
let turn = 0;

function make(tag, text, kind = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = kind;
  return element;
}

function refuse(sentence) {
  by("error").textContent = sentence;
  by("error").hidden = !sentence;
}

async function ask(file) {
  const response = await fetch(`segment?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  const told = await response.json();
  if (!response.ok) throw new RangeError(told.error);
  return told;
}

async function segment(file) {
  const mine = ++turn;
  refuse("");
  by("answer").hidden = true;
  by("status").textContent = `segmenting ${file.name} ...`;
  try {
    const told = await ask(file);
    if (mine === turn) show(told);
  } catch (error) {
    if (mine === turn) refuse(error instanceof RangeError ? error.message : "The program gave no answer: look at its terminal.");
  }
  if (mine === turn) by("status").textContent = "";
}

function show(told) {
  by("name").textContent = told.name;
  const sure = `${percent(told.sure)} confident on average`;
  by("facts").textContent = [told.size, sure, ...told.notes].join("; ");
  by("photo").src = told.photo;
  by("classes").replaceChildren(...told.classes.map(row));
  by("layers").replaceChildren(...told.layers.map(choice));
  draw(told.layers[0]);
  by("answer").hidden = false;
}

function percent(share) {
  return share > 0 && share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function row(one) {
  const line = document.createElement("tr");
  const name = make("th", "");
  name.scope = "row";
  const swatch = make("span", "", "swatch");
  const colour = document.createElement("i");
  colour.style.background = one.colour;
  swatch.append(colour, make("bdi", one.name));
  name.append(swatch);
  line.append(name, make("td", percent(one.share), "number"));
  return line;
}

function choice(layer, index) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "layer", value: layer.key, checked: index === 0 });
  input.addEventListener("change", () => draw(layer));
  label.append(input, make("bdi", layer.name));
  return label;
}

function draw(layer) {
  by("layer").src = layer.picture;
  by("layer").alt = layer.name;
  by("note").textContent = layer.note;
}

by("strength").addEventListener("input", () => { by("layer").style.opacity = by("strength").value / 100; });
by("file").addEventListener("change", () => {
  if (by("file").files.length) segment(by("file").files[0]);
  by("file").value = "";
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    by("drop").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) segment(event.dataTransfer.files[0]);
  });
}
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) segment(event.clipboardData.files[0]);
});
document.documentElement.dataset.ready = "true";
