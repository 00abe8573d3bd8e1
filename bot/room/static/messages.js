// Messages as elements: one list for the channel, one for the thread that is open.

import { show } from "./blocks.js";
import { clock, count, day, element, size } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

const SHOWN_AT_FIRST = 150;
const LONGEST_PREVIEW = 200_000;
const NEAR_THE_END = 60;

/** A list of messages that stays at its end while the person is there. */
export class MessageList {
  #container;
  #desk;
  #nodes = new Map();
  #atEnd = true;

  /** `desk`: { room, openThread(ts) or null, click(ts, part, blockId, value), atEnd(isThere) }. */
  constructor(container, desk) {
    this.#container = container;
    this.#desk = desk;
    container.addEventListener("scroll", () => {
      this.#atEnd = this.#isAtEnd();
      desk.atEnd?.(this.#atEnd);
    });
    // A window that shrinks, as over the keyboard of a phone, must not hide the end.
    new ResizeObserver(() => this.#stay()).observe(container);
  }

  /** Start over with these messages, oldest first; the introduction stands above them. */
  begin(messages, introduction = null) {
    this.#nodes.clear();
    this.#container.replaceChildren(...(introduction ? [introduction] : []));
    const hidden = messages.slice(0, -SHOWN_AT_FIRST);
    if (hidden.length) this.#container.append(this.#older(hidden));
    for (const message of messages.slice(-SHOWN_AT_FIRST)) this.#draw(message);
    this.toEnd();
  }

  /** Show a message, new or changed. */
  show(message) {
    this.#draw(message);
    this.#stay();
    if (!this.#atEnd) this.#desk.atEnd?.(false);
  }

  /** Take a message away. */
  remove(ts) {
    this.#nodes.get(ts)?.remove();
    this.#nodes.delete(ts);
  }

  /** Tell what hangs on a message. */
  showReplies(ts, replies) {
    const node = this.#nodes.get(ts);
    if (!node) return;
    node.querySelector(".replies")?.remove();
    if (replies.length) node.querySelector(".body").append(this.#repliesButton(ts, replies));
    this.#stay();
  }

  /** Go to the newest message. */
  toEnd() {
    this.#atEnd = true;
    this.#stay();
    this.#desk.atEnd?.(true);
  }

  /** Put the focus on the way to a message's thread. */
  focusReplies(ts) {
    this.#nodes.get(ts)?.querySelector(".replies")?.focus();
  }

  #isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#container;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
  }

  #stay() {
    if (this.#atEnd) this.#container.scrollTop = this.#container.scrollHeight;
  }

  #draw(message) {
    let node = this.#nodes.get(message.ts);
    if (!node) {
      node = this.#frame(message);
      this.#nodes.set(message.ts, node);
      this.#container.insertBefore(node, this.#following(message.ts));
      this.#dayLine(node, message.ts);
    }
    const content = node.querySelector(".content");
    const { nameOf } = this.#desk.room;
    if (message.blocks.length) {
      content.querySelector(":scope > .said")?.remove();
      show(content, message.blocks, { nameOf, act: (...click) => this.#desk.click(message.ts, ...click) });
    } else {
      show(content, [], {});
      content.replaceChildren(this.#said(message));
    }
    this.#showFiles(node, message.files);
  }

  #frame(message) {
    const { room } = this.#desk;
    const isBot = message.author === room.workspace.bot.user_id;
    const name = room.nameOf(message.author) ?? message.author;
    return element(
      "article",
      { class: message.only_for ? "message only-you" : "message", "data-ts": message.ts, "aria-label": name },
      element("div", { class: `avatar ${isBot ? "bot" : ""} tint-${name.charCodeAt(0) % 5}`, "aria-hidden": "true" }, initial(name)),
      element(
        "div",
        { class: "body" },
        message.only_for ? element("p", { class: "only-you-note" }, "Only visible to you") : null,
        element(
          "div",
          { class: "byline" },
          element("b", {}, name),
          isBot ? element("span", { class: "badge" }, "APP") : null,
          clock(message.ts),
        ),
        element("div", { class: "content" }),
        element("div", { class: "files" }),
      ),
    );
  }

  #said(message) {
    const { room } = this.#desk;
    const isPerson = room.workspace.people.some((person) => person.id === message.author);
    // What a person typed is shown as typed: no mark-up.
    if (isPerson) return element("div", { class: "said text typed" }, message.text);
    return element("div", { class: "said text" }, mrkdwn(message.text, room.nameOf));
  }

  #following(ts) {
    for (let node = this.#container.lastElementChild; node; node = node.previousElementSibling) {
      if (node.dataset.ts && node.dataset.ts < ts) return node.nextElementSibling;
    }
    return this.#container.querySelector(".day, [data-ts]");
  }

  #dayLine(node, ts) {
    let before = node.previousElementSibling;
    while (before && !before.dataset.ts) before = before.previousElementSibling;
    // The line of the day may stand below a message that came late.
    const after = node.nextElementSibling;
    if (after?.className === "day" && after.textContent === day(ts)) after.remove();
    if (before && day(before.dataset.ts) === day(ts)) return;
    node.before(element("div", { class: "day", role: "separator" }, element("span", {}, day(ts))));
  }

  #showFiles(node, files) {
    const place = node.querySelector(".files");
    if (place.childElementCount !== files.length) place.replaceChildren(...files.map(fileCard));
  }

  #repliesButton(ts, replies) {
    const files = replies.reduce((sum, reply) => sum + reply.files.length, 0);
    const words = [count(replies.length, "reply", "replies"), files ? count(files, "file", "files") : null];
    return element(
      "button",
      { type: "button", class: "replies", onclick: () => this.#desk.openThread(ts) },
      element("b", {}, words.filter(Boolean).join(" · ")),
      element("span", { class: "muted" }, "Last reply ", clock(replies.at(-1).ts)),
    );
  }

  #older(hidden) {
    const show = element(
      "button",
      {
        type: "button",
        class: "button older",
        onclick: () => {
          const height = this.#container.scrollHeight;
          show.remove();
          this.#atEnd = false;
          for (const message of hidden) this.#draw(message);
          this.#container.scrollTop += this.#container.scrollHeight - height;
        },
      },
      `Show ${count(hidden.length, "older message", "older messages")}`,
    );
    return show;
  }
}

const initial = (name) => (name[0] ?? "?").toUpperCase();

function fileCard(file) {
  const address = `/room/files/${encodeURIComponent(file.id)}`;
  const [open, preview] = file.is_text ? previewOf(address) : [];
  return element(
    "div",
    { class: "file" },
    element(
      "div",
      { class: "file-line" },
      element("span", { class: "file-icon", "aria-hidden": "true" }, file.is_text ? "TXT" : "BIN"),
      element(
        "div",
        { class: "file-name" },
        element("b", {}, file.title || file.name),
        element("span", { class: "muted" }, file.title && file.title !== file.name ? `${file.name} · ` : "", size(file.size)),
      ),
      element(
        "div",
        { class: "file-buttons" },
        open,
        element("a", { class: "button small", href: address, download: file.name }, "Download"),
      ),
    ),
    preview,
  );
}

/** A button that opens a text file in place, and the place. Other files can only be downloaded. */
function previewOf(address) {
  const preview = element("pre", { class: "code preview", tabindex: 0, hidden: true });
  const open = element(
    "button",
    {
      type: "button",
      class: "button small",
      "aria-expanded": "false",
      onclick: async () => {
        if (preview.hidden && !preview.textContent) preview.textContent = await read(address);
        preview.hidden = !preview.hidden;
        open.setAttribute("aria-expanded", String(!preview.hidden));
        open.textContent = preview.hidden ? "Open" : "Hide";
      },
    },
    "Open",
  );
  return [open, preview];
}

async function read(address) {
  try {
    const response = await fetch(address);
    if (!response.ok) return (await response.json()).message;
    const text = await response.text();
    if (text.length <= LONGEST_PREVIEW) return text || "(empty)";
    return `${text.slice(0, LONGEST_PREVIEW)}\n… ${size(text.length - LONGEST_PREVIEW)} more: download the file to read it all.`;
  } catch (error) {
    if (error instanceof TypeError) return "The room does not answer. Is it still open?";
    throw error;
  }
}
