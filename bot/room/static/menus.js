// Menus: the one behind three dots, and the one of given choices.

import { element } from "./dom.js";
import { confirmed } from "./prompts.js";

let menus = 0;

/** Render an overflow menu. The browser closes it at Escape and at a click elsewhere, and gives the focus back. */
export function overflow(part, block, room) {
  menus += 1;
  const id = `menu-${menus}`;
  const choose = async (option) => {
    menu.hidePopover();
    if (part.confirm && !(await confirmed(part.confirm, room))) return;
    await room.act(part, block.block_id, option.value);
  };
  const menu = element(
    "div",
    { id, class: "menu", role: "menu", popover: "auto", onkeydown: walk },
    part.options.map((option) =>
      element(
        "button",
        { type: "button", role: "menuitem", tabindex: -1, onclick: () => choose(option) },
        option.text.text,
        option.description ? element("small", {}, option.description.text) : null,
      ),
    ),
  );
  const opener = element(
    "button",
    {
      type: "button",
      class: "button dots",
      popovertarget: id,
      "data-action-id": part.action_id,
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    },
    "⋯",
  );
  menu.addEventListener("toggle", ({ newState }) => {
    opener.setAttribute("aria-expanded", String(newState === "open"));
    if (newState === "open") {
      place(menu, opener);
      menu.querySelector("button").focus();
    }
  });
  return element("span", { class: "overflow" }, opener, menu);
}

/**
 * Render a menu of given choices as the browser's own: it works by keyboard and on a phone. `choose` says what became
 * of a choice: false that it was not taken, true that it was carried out, so that the same one can be made again.
 */
export function select(part, choose, attributes = {}) {
  const initial = part.initial_option?.value ?? "";
  const options = (found) =>
    found.map((option) =>
      element("option", { value: option.value, selected: option.value === initial }, option.text.text),
    );
  const made = element(
    "select",
    {
      class: "select",
      "data-action-id": part.action_id,
      "aria-label": part.placeholder?.text ?? "Choose",
      onchange: async () => {
        const taken = made.value && (await choose(made.value));
        if (taken === false) made.value = before;
        else if (taken === true) made.value = initial;
        else before = made.value;
      },
      ...attributes,
    },
    element("option", { value: "", selected: !initial }, part.placeholder?.text ?? "Choose an option"),
    part.option_groups
      ? part.option_groups.map((group) => element("optgroup", { label: group.label.text }, options(group.options)))
      : options(part.options),
  );
  let before = initial;
  return made;
}

/** Open a menu that acts at once before a key changes it: each arrow would be a choice that nobody has made. */
export function openFirst(event) {
  const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (!isLetter && !["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "PageDown", "PageUp"].includes(event.key)) return;
  event.preventDefault();
  event.currentTarget.showPicker();
}

function walk(event) {
  const items = [...event.currentTarget.querySelectorAll("button")];
  const here = items.indexOf(document.activeElement);
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Tab") event.currentTarget.hidePopover();
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length).focus();
}

function place(menu, opener) {
  const around = opener.getBoundingClientRect();
  const below = around.bottom + menu.offsetHeight < innerHeight;
  menu.style.top = `${below ? around.bottom + 4 : around.top - menu.offsetHeight - 4}px`;
  menu.style.left = `${Math.max(8, Math.min(around.left, innerWidth - menu.offsetWidth - 8))}px`;
}
