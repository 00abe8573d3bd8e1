// The page: puts the room, its messages, the thread, the command box and the modal together.

import { Composer } from "./composer.js";
import { byId, element } from "./dom.js";
import { MessageList } from "./messages.js";
import { Modal } from "./modal.js";
import { LockedError, Room, signIn } from "./room.js";
import { setUpTheme } from "./theme.js";

/** So long after a click a file that comes into its thread is taken for the answer, and the thread is opened. */
const ANSWER_MILLISECONDS = 10_000;

const NO_CLICK = { ts: "", at: -Infinity };

/** A line that can be sent as it is: the first of the alternatives, without what is optional. */
const example = ({ name, usage }) => `${name} ${usage.split("|")[0].replace(/\[[^\]]*\]/gu, "")}`.trim();

class Page {
  #room = new Room({
    begun: () => this.#begin(),
    message: (message, isNew) => this.#show(message, isNew),
    deleted: (ts) => this.#remove(ts),
    view: (view) => this.#modal.show(view),
    connected: (isUp) => this.#connected(isUp),
    locked: () => this.#lock("The room was closed and opened again, or its key has changed."),
  });
  #channel = new MessageList(byId("messages"), {
    room: this.#room,
    openThread: (ts) => this.#openThread(ts),
    click: (...click) => this.#click(...click),
    atEnd: (isThere) => {
      byId("newer").hidden = isThere;
    },
  });
  #thread = new MessageList(byId("thread-messages"), {
    room: this.#room,
    openThread: () => undefined,
    click: (...click) => this.#click(...click),
  });
  #modal = new Modal({
    nameOf: this.#room.nameOf,
    submit: (...form) => this.#room.submit(...form),
    click: (...click) => this.#room.clickForm(...click),
    close: (id) => this.#room.close(id),
  });
  #composer = new Composer((text) => this.#room.type(text));
  #threadTs = null;
  #lastClick = NO_CLICK;
  #titles = new Map();

  async open() {
    setUpTheme();
    byId("newer").addEventListener("click", () => this.#channel.toEnd());
    byId("close-thread").addEventListener("click", () => this.#closeThread());
    document.addEventListener("keydown", (event) => this.#key(event));
    if (!(await this.#unlock())) return;
    await this.#room.enter(localStorage.getItem("user") ?? "");
  }

  // ── The door ─────────────────────────────────────────────────────────────────────────────────────────────────────

  async #unlock() {
    const token = decodeURIComponent(location.hash.slice(1));
    if (!token) return true;
    // Out of sight, out of the history and out of bookmarks.
    history.replaceState(null, "", location.pathname);
    try {
      await signIn(token);
      return true;
    } catch (error) {
      if (!(error instanceof LockedError)) throw error;
      this.#lock("The key in the address is not this room's.");
      return false;
    }
  }

  #lock(reason) {
    byId("room").hidden = true;
    byId("closed").hidden = false;
    byId("closed-reason").textContent = reason;
  }

  #connected(isUp) {
    byId("connection").hidden = isUp;
    byId("connection").textContent = isUp ? "" : "The room does not answer. Trying again…";
  }

  // ── What is there ────────────────────────────────────────────────────────────────────────────────────────────────

  #begin() {
    const { workspace, channel, user } = this.#room;
    document.title = `#${channel.name} · ${workspace.team.name}`;
    byId("team").textContent = workspace.team.name;
    byId("channel-name").textContent = `# ${channel.name}`;
    byId("channels").replaceChildren(element("li", { "aria-current": "page" }, `# ${channel.name}`));
    for (const place of ["people", "phone-people"]) this.#showPeople(byId(place));
    this.#composer.begin(this.#room.commands, user, channel.name);
    this.#titles = new Map();
    const all = this.#sorted();
    this.#channel.begin(all.filter((message) => !message.thread_ts), this.#introduction(channel));
    for (const ts of new Set(all.map((message) => message.thread_ts).filter(Boolean))) this.#showReplies(ts);
    if (this.#threadTs) this.#fillThread();
    byId("room").hidden = false;
    this.#channel.toEnd();
    this.#modal.show(this.#room.view);
    if (!this.#room.view) this.#composer.focus();
  }

  #introduction(channel) {
    const tries = this.#room.commands.map((command) =>
      element(
        "button",
        { type: "button", class: "suggestion", onclick: () => this.#composer.offer(example(command)) },
        element("span", { class: "call" }, element("b", {}, example(command))),
        element("span", { class: "muted" }, command.description),
      ),
    );
    const words = "This is the very beginning of the channel. Type / in the box below, or begin with one of these:";
    return element("div", { class: "beginning" }, element("h3", {}, `# ${channel.name}`), element("p", {}, words), tries);
  }

  #showPeople(place) {
    const { workspace, user } = this.#room;
    place.replaceChildren(
      ...workspace.people.map((person) =>
        element(
          "label",
          { class: "person" },
          element("input", {
            type: "radio",
            name: place.id,
            value: person.id,
            checked: person.id === user,
            onchange: () => this.#become(person.id),
          }),
          element("span", {}, person.name),
        ),
      ),
    );
  }

  #become(user) {
    localStorage.setItem("user", user);
    this.#closeThread();
    this.#modal.show(null);
    this.#room.enter(user);
  }

  #sorted() {
    return [...this.#room.messages.values()].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  }

  #replies(ts) {
    return this.#sorted().filter((message) => message.thread_ts === ts);
  }

  // ── What changes ─────────────────────────────────────────────────────────────────────────────────────────────────

  #show(message, isNew) {
    // The change is the answer to the click; a later file is not.
    if (message.ts === this.#lastClick.ts) this.#lastClick = NO_CLICK;
    if (message.thread_ts) this.#showReply(message, isNew);
    else this.#channel.show(message);
    if (this.#threadTs === message.ts) this.#thread.show(message);
    if (isNew && message.author === this.#room.user) this.#channel.toEnd();
    this.#announce(message, isNew);
  }

  #showReply(message, isNew) {
    this.#showReplies(message.thread_ts);
    if (this.#threadTs === message.thread_ts) this.#thread.show(message);
    const isAnswer = this.#lastClick.ts === message.thread_ts && performance.now() - this.#lastClick.at < ANSWER_MILLISECONDS;
    if (isNew && message.files.length && isAnswer && this.#threadTs !== message.thread_ts) this.#openThread(message.thread_ts);
  }

  #showReplies(ts) {
    this.#channel.showReplies(ts, this.#replies(ts));
  }

  #remove(ts) {
    this.#channel.remove(ts);
    this.#thread.remove(ts);
    if (this.#threadTs === ts) this.#closeThread();
  }

  /** Tell screen readers of new messages and of dialogs that come to a new stage, not of every step. */
  #announce(message, isNew) {
    const title = message.blocks.find((block) => block.type === "header")?.text.text ?? "";
    const isNews = isNew || title !== (this.#titles.get(message.ts) ?? title);
    this.#titles.set(message.ts, title);
    if (isNews && message.author !== this.#room.user) byId("announcer").textContent = title || message.text;
  }

  async #click(ts, part, blockId, value) {
    this.#lastClick = { ts, at: performance.now() };
    const refusal = await this.#room.click(ts, part, blockId, value);
    byId("refusal").textContent = refusal ?? "";
  }

  // ── The thread ───────────────────────────────────────────────────────────────────────────────────────────────────

  #openThread(ts) {
    this.#threadTs = ts;
    byId("thread").hidden = false;
    this.#fillThread();
    byId("close-thread").focus();
  }

  #fillThread() {
    const parent = this.#room.messages.get(this.#threadTs);
    if (!parent) {
      this.#closeThread();
      return;
    }
    this.#thread.begin([parent, ...this.#replies(this.#threadTs)]);
  }

  #closeThread() {
    if (!this.#threadTs) return;
    const ts = this.#threadTs;
    this.#threadTs = null;
    byId("thread").hidden = true;
    this.#channel.focusReplies(ts);
  }

  #key(event) {
    if (event.key === "Escape" && this.#threadTs && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
      this.#closeThread();
    }
    // As in Slack, who begins to type without having chosen a place writes in the box.
    const isText = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isText && document.activeElement === document.body) this.#composer.focus();
  }
}

await new Page().open();
