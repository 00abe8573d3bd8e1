// The modal on this person's screen.

import { show } from "./blocks.js";
import { element } from "./dom.js";
import { complain, entries, refill } from "./fields.js";
import { text } from "./mrkdwn.js";

/** Shows the room's modal; `desk` carries what is done in it: { nameOf, submit, close, click }. */
export class Modal {
  #desk;
  #window = null;
  #view = null;

  constructor(desk) {
    this.#desk = desk;
  }

  /** Show a view, or a newer state of it; null takes it away. */
  show(view) {
    if (view?.id !== this.#view?.id) this.#dismiss();
    const before = this.#window ? entries(this.#window) : {};
    this.#view = view;
    if (!view) return;
    if (this.#window) this.#draw();
    else this.#open();
    refill(this.#window, before);
  }

  #open() {
    this.#window = element("dialog", { class: "window modal", "aria-labelledby": "modal-title" });
    this.#window.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.body.append(this.#window);
    this.#draw();
    this.#window.showModal();
    const first = this.#window.querySelector("[autofocus], .block.input input, .block.input textarea, .block.input select");
    (first ?? this.#window.querySelector("footer button:last-child")).focus();
  }

  #draw() {
    const content = this.#view.content;
    const body = element("div", { class: "fields-of-form" });
    const room = { nameOf: this.#desk.nameOf, act: (part, blockId, value) => this.#click(part, blockId, value) };
    show(body, content.blocks, room);
    const form = element(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event) },
      element(
        "header",
        {},
        element("h2", { id: "modal-title" }, content.title.text),
        element("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => this.#close() }, "✕"),
      ),
      body,
      element("p", { class: "error trouble", role: "alert" }),
      element(
        "footer",
        {},
        element("button", { type: "button", class: "button", onclick: () => this.#close() }, content.close?.text ?? "Cancel"),
        content.submit ? element("button", { type: "submit", class: "button primary" }, text(content.submit, room)) : null,
      ),
    );
    this.#window.replaceChildren(form);
  }

  async #submit(event) {
    event.preventDefault();
    const submit = this.#window.querySelector("[type=submit]");
    if (!submit || submit.disabled) return;
    submit.disabled = true;
    this.#tell(await this.#desk.submit(this.#view.id, entries(this.#window)));
    submit.disabled = false;
  }

  async #click(part, blockId, value) {
    this.#tell(await this.#desk.click(this.#view.id, part.action_id, blockId, value, entries(this.#window)));
  }

  #tell(answer) {
    // It may be gone: the bot has taken it.
    if (!this.#window) return;
    complain(this.#window, answer.errors ?? {});
    this.#window.querySelector(".trouble").textContent = answer.message ?? "";
  }

  #close() {
    const id = this.#view?.id;
    this.#dismiss();
    if (id) this.#desk.close(id);
  }

  #dismiss() {
    this.#window?.close();
    this.#window?.remove();
    this.#window = null;
    this.#view = null;
  }
}
