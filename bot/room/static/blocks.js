// Block Kit as DOM nodes. `room` names people and carries clicks: { nameOf(id), act(element, blockId, value) }.

import { element } from "./dom.js";
import { field } from "./fields.js";
import { openFirst, overflow, select } from "./menus.js";
import { link, text } from "./mrkdwn.js";
import { confirmed } from "./prompts.js";

/** Render one block. A block that this page does not know is named, so that the message stays readable. */
export function rendered(block, room) {
  const render = BLOCKS[block.type];
  const made = render ? render(block, room) : element("p", { class: "muted" }, `(${block.type} is shown in Slack only)`);
  made.dataset.blockId = block.block_id ?? "";
  return made;
}

/**
 * Show blocks in a container, which remembers them: what did not change stays the same element, so that focus, an
 * open menu and a half-read line survive the changes around them.
 */
export function show(container, blocks, room) {
  const shown = container.shownBlocks ?? [];
  const next = blocks.map((block) => {
    const key = JSON.stringify(block);
    const place = shown.findIndex((old) => old.key === key);
    return place < 0 ? { key, node: rendered(block, room) } : shown.splice(place, 1)[0];
  });
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.actionId : null;
  for (const old of shown) old.node.remove();
  next.forEach(({ node }, place) => {
    if (container.children[place] !== node) container.insertBefore(node, container.children[place] ?? null);
  });
  container.shownBlocks = next;
  if (focused && !container.contains(document.activeElement)) {
    container.querySelector(`[data-action-id="${CSS.escape(focused)}"]`)?.focus();
  }
}

const BLOCKS = {
  header: (block) => element("h3", { class: "block header" }, block.text.text),
  divider: () => element("hr", { class: "block" }),
  section: (block, room) =>
    element(
      "div",
      { class: "block section" },
      element(
        "div",
        { class: "words" },
        block.text ? element("div", { class: "text" }, text(block.text, room)) : null,
        block.fields ? element("div", { class: "fields" }, fields(block.fields, room)) : null,
      ),
      block.accessory ? element("div", { class: "accessory" }, control(block.accessory, block, room)) : null,
    ),
  context: (block, room) =>
    element(
      "div",
      { class: "block context" },
      block.elements.map((part) => element("div", {}, part.type === "image" ? picture(part) : text(part, room))),
    ),
  actions: (block, room) =>
    element(
      "div",
      { class: "block actions", role: "group" },
      block.elements.map((part) => control(part, block, room)),
    ),
  image: (block) => element("p", { class: "block muted" }, block.title ? `${block.title.text}: ` : "", picture(block)),
  rich_text: (block, room) =>
    element("div", { class: "block text" }, block.elements.map((part) => richPart(part, room))),
  markdown: (block) => element("div", { class: "block text prose" }, block.text),
  table: (block, room) => table(block, room),
  data_table: (block, room) => table(block, room),
  input: (block, room) => field(block, room),
};

function fields(found, room) {
  return found.map((one) => element("div", { class: "text" }, text(one, room)));
}

function control(part, block, room) {
  switch (part.type) {
    case "button":
      return button(part, block, room);
    case "overflow":
      return overflow(part, block, room);
    case "static_select":
      return select(part, (value) => clicked(part, block, room, value), { onkeydown: openFirst });
    default:
      return picture(part);
  }
}

function button(part, block, room) {
  const made = element(
    "button",
    {
      type: "button",
      class: `button ${part.style ?? ""}`,
      "data-action-id": part.action_id,
      "aria-label": part.accessibility_label,
      onclick: async () => {
        // A second press while the first is on its way is not another wish.
        if (made.getAttribute("aria-disabled")) return;
        made.setAttribute("aria-disabled", "true");
        await clicked(part, block, room, null);
        made.removeAttribute("aria-disabled");
      },
    },
    part.text.text,
  );
  return part.url ? element("span", { class: "with-link" }, made, link(part.url, "↗")) : made;
}

async function clicked(part, block, room, value) {
  if (part.confirm && !(await confirmed(part.confirm, room))) return false;
  await room.act(part, block.block_id, value);
  return true;
}

function picture(part) {
  // Never loaded: the page speaks to nobody but the room.
  return element("span", { class: "picture" }, "🖼 ", link(part.image_url, part.alt_text));
}

function table(block, room) {
  const settings = block.column_settings ?? [];
  const cells = (row, tag) =>
    row.map((cell, column) => {
      const wanted = settings[column] ?? {};
      const names = [wanted.align ?? "left", wanted.is_wrapped ? "wrapped" : ""].join(" ").trim();
      const inside = cell.elements
        ? element("div", {}, cell.elements.map((part) => richPart(part, room)))
        : (cell.text ?? String(cell.value));
      return element(tag, { class: names, scope: tag === "th" ? "col" : null }, inside);
    });
  const [first, ...rest] = block.rows;
  return element(
    "div",
    { class: "block scroll", tabindex: 0, role: "region", "aria-label": "Table" },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, cells(first, "th"))),
      element("tbody", {}, rest.map((row) => element("tr", {}, cells(row, "td")))),
    ),
  );
}

function richPart(part, room) {
  const inside = () => part.elements.map((run) => richRun(run, room));
  switch (part.type) {
    case "rich_text_preformatted":
      return element("pre", { class: "code", tabindex: 0 }, inside());
    case "rich_text_quote":
      return element("blockquote", {}, inside());
    case "rich_text_list":
      return element(
        part.style === "ordered" ? "ol" : "ul",
        { start: part.offset ? part.offset + 1 : null },
        part.elements.map((entry) => element("li", {}, entry.elements.map((run) => richRun(run, room)))),
      );
    default:
      return element("div", { class: "prose" }, inside());
  }
}

function richRun(run, room) {
  const style = run.style ?? {};
  let made = {
    text: () => document.createTextNode(run.text),
    link: () => link(run.url, run.text),
    emoji: () => document.createTextNode(`:${run.name}:`),
    user: () => element("span", { class: "mention" }, `@${room.nameOf(run.user_id) ?? run.user_id}`),
  }[run.type]();
  for (const [name, tag] of [["code", "code"], ["strike", "s"], ["italic", "i"], ["bold", "b"]]) {
    if (style[name]) made = element(tag, {}, made);
  }
  return made;
}
