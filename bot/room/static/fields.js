// Input blocks: a label, an element, a hint, and the error beside it.

import { element } from "./dom.js";
import { select } from "./menus.js";
import { text } from "./mrkdwn.js";

let fields = 0;

/** Render an input block. */
export function field(block, room) {
  fields += 1;
  const id = `field-${fields}`;
  const many = ["checkboxes", "radio_buttons"].includes(block.element.type);
  const label = [block.label.text, block.optional ? element("span", { class: "muted" }, " (optional)") : null];
  const described = { "aria-describedby": `${id}-hint ${id}-error` };
  const made = element(
    many ? "fieldset" : "div",
    { class: "block input", "data-action-id": block.element.action_id, ...(many ? described : {}) },
    many ? element("legend", {}, label) : element("label", { for: id }, label),
    many ? choices(block.element, id, room) : entry(block.element, { id, ...described }),
    element("p", { class: "error", id: `${id}-error`, role: "alert" }),
    element("p", { class: "hint", id: `${id}-hint` }, block.hint ? block.hint.text : ""),
  );
  return made;
}

/** Read what is entered in all fields of a form: by block id and action id. */
export function entries(form) {
  const found = {};
  for (const one of form.querySelectorAll(".block.input")) {
    found[one.dataset.blockId] = { [one.dataset.actionId]: entered(one) };
  }
  return found;
}

/** Restore the entries of a form after it was drawn again. */
export function refill(form, before) {
  for (const one of form.querySelectorAll(".block.input")) {
    const value = before[one.dataset.blockId]?.[one.dataset.actionId];
    if (value !== undefined) enter(one, value);
  }
}

/** Show errors by block id, and go to the first; an empty object clears them all. */
export function complain(form, errors) {
  const wrong = [...form.querySelectorAll(".block.input")].filter((one) => {
    const error = errors[one.dataset.blockId] ?? "";
    one.querySelector(".error").textContent = error;
    one.classList.toggle("wrong", Boolean(error));
    for (const control of controls(one)) control.setAttribute("aria-invalid", String(Boolean(error)));
    return error;
  });
  if (wrong.length) controls(wrong[0])[0].focus();
}

const controls = (one) => [...one.querySelectorAll("input, textarea, select")];

function entry(part, attributes) {
  if (part.type === "static_select") return select(part, () => undefined, { ...attributes, "aria-label": null });
  const shared = {
    ...attributes,
    class: "entry",
    placeholder: part.placeholder?.text,
    autofocus: part.focus_on_load,
    spellcheck: "false",
  };
  const made = part.multiline ? element("textarea", { ...shared, rows: 4 }) : element("input", { ...shared, type: "text" });
  made.value = part.initial_value ?? "";
  return made;
}

function choices(part, id, room) {
  const many = part.type === "checkboxes";
  const initial = many ? (part.initial_options ?? []) : [part.initial_option ?? {}];
  const ticked = new Set(initial.map((option) => option.value));
  return part.options.map((option) => {
    const attributes = { type: many ? "checkbox" : "radio", name: id, value: option.value };
    return element(
      "label",
      { class: "choice" },
      element("input", { ...attributes, checked: ticked.has(option.value) }),
      element(
        "span",
        {},
        text(option.text, room),
        option.description ? element("small", {}, text(option.description, room)) : null,
      ),
    );
  });
}

function entered(one) {
  const found = controls(one);
  if (found[0].type === "checkbox") return found.filter((box) => box.checked).map((box) => box.value);
  if (found[0].type === "radio") return found.find((box) => box.checked)?.value ?? null;
  return found[0].value || null;
}

function enter(one, value) {
  const found = controls(one);
  if (["checkbox", "radio"].includes(found[0].type)) {
    for (const box of found) box.checked = [value].flat().includes(box.value);
  } else {
    found[0].value = value ?? "";
  }
}
