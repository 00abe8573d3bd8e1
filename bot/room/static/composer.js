// The command box: completion of commands and their arguments, usage hints, history.

import { byId, element } from "./dom.js";

const KEPT_LINES = 100;
const ARGUMENT = /(\[?)([a-z_]+)=([^\s\]|]*)\]?/gu;

/** Read a command's arguments from its usage: `name=x [base=y] | all=true`. */
export function argumentsOf(usage) {
  return [...usage.matchAll(ARGUMENT)].map(([, bracket, name, example]) => ({ name, example, optional: Boolean(bracket) }));
}

/** What could stand where the caret is: { from, options: [{ insert, label, note }] }. */
export function suggestions(text, commands) {
  if (!text.startsWith("/")) return { from: 0, options: [] };
  const space = text.search(/\s/u);
  if (space < 0) {
    const fitting = commands.filter((command) => command.name.startsWith(text));
    return {
      from: 0,
      options: fitting.map(({ name, usage, description }) => ({ insert: `${name} `, label: name, usage, note: description })),
    };
  }
  const command = commands.find(({ name }) => name === text.slice(0, space));
  const from = text.length - /\S*$/u.exec(text)[0].length;
  const word = text.slice(from);
  if (!command || word.includes("=")) return { from, options: [] };
  const fitting = argumentsOf(command.usage).filter(
    ({ name }) => name.startsWith(word) && !new RegExp(`\\s${name}=`, "u").test(text),
  );
  return {
    from,
    options: fitting.map(({ name, example, optional }) => ({
      insert: `${name}=`,
      label: `${name}=`,
      usage: "",
      note: `for example ${name}=${example}${optional ? " (optional)" : ""}`,
    })),
  };
}

/** The command box. `send(text)` gives a refusal as text, or null. */
export class Composer {
  #send;
  #commands = [];
  #user = "";
  #box = byId("command");
  #list = byId("suggestions");
  #offer = { from: 0, options: [] };
  #active = 0;
  #chosenByHand = false;
  #place = null;
  #draft = "";

  constructor(send) {
    this.#send = send;
    this.#box.addEventListener("input", () => {
      this.#place = null;
      this.#changed();
    });
    this.#box.addEventListener("keydown", (event) => this.#key(event));
    this.#box.addEventListener("blur", () => this.#hide());
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Serve this person. */
  begin(commands, user, channel) {
    this.#commands = commands;
    this.#user = user;
    this.#place = null;
    const first = commands[0]?.name ?? "/";
    this.#box.placeholder = `Message #${channel}: type / for commands, such as ${first}`;
    this.#fit();
  }

  /** Put a line there, to be changed and sent. */
  offer(text) {
    this.#set(text);
    this.#box.focus();
    this.#showUsage();
  }

  /** Take the keyboard. */
  focus() {
    this.#box.focus();
  }

  // ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = this.#actions()[event.shiftKey ? `Shift+${event.key}` : event.key];
    if (act && act() !== false) event.preventDefault();
  }

  #actions() {
    if (!this.#list.hidden) {
      return {
        ArrowDown: () => this.#move(1),
        ArrowUp: () => this.#move(-1),
        Tab: () => this.#accept(),
        Enter: () => (this.#enterAccepts() ? this.#accept() : this.#submit()),
        Escape: () => this.#hide(),
      };
    }
    return { ArrowUp: () => this.#recall(-1), ArrowDown: () => this.#recall(1), Enter: () => this.#submit() };
  }

  #enterAccepts() {
    if (this.#chosenByHand) return true;
    const typed = this.#box.value.trim();
    return this.#offer.from === 0 && !this.#commands.some(({ name }) => name === typed);
  }

  // ── Suggestions ──────────────────────────────────────────────────────────────────────────────────────────────────

  #changed() {
    byId("refusal").textContent = "";
    this.#fit();
    this.#offer = suggestions(this.#box.value, this.#commands);
    this.#active = 0;
    this.#chosenByHand = false;
    this.#draw();
    this.#showUsage();
  }

  #draw() {
    const { options } = this.#offer;
    this.#list.hidden = !options.length;
    this.#box.setAttribute("aria-expanded", String(Boolean(options.length)));
    this.#list.replaceChildren(...options.map((option, place) => this.#option(option, place)));
    if (options.length) this.#box.setAttribute("aria-activedescendant", `suggestion-${this.#active}`);
    else this.#box.removeAttribute("aria-activedescendant");
    this.#list.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }

  #option({ label, usage, note }, place) {
    const attributes = { role: "option", id: `suggestion-${place}`, "aria-selected": String(place === this.#active) };
    const take = (event) => {
      // Before the box loses the focus.
      event.preventDefault();
      this.#active = place;
      this.#accept();
    };
    return element(
      "div",
      { class: "suggestion", ...attributes, onmousedown: take },
      element("span", { class: "call" }, element("b", {}, label), usage ? ` ${usage}` : ""),
      element("span", { class: "muted" }, note),
    );
  }

  #move(step) {
    const { length } = this.#offer.options;
    this.#active = (this.#active + step + length) % length;
    this.#chosenByHand = true;
    this.#draw();
  }

  #accept() {
    this.#box.value = this.#box.value.slice(0, this.#offer.from) + this.#offer.options[this.#active].insert;
    this.#changed();
  }

  #hide() {
    this.#offer = { from: 0, options: [] };
    this.#draw();
  }

  #showUsage() {
    const text = this.#box.value;
    const command = this.#commands.find(({ name }) => text === name || text.startsWith(`${name} `));
    const now = /(?:^|\s)([a-z_]+)=\S*$/u.exec(text)?.[1];
    const parts = (command?.usage ?? "").split(/(?<=\s)/u).map((part) => {
      const isNow = now && part.replace(/^\[/u, "").startsWith(`${now}=`);
      return isNow ? element("b", {}, part) : part;
    });
    byId("usage").replaceChildren(...(command ? [`${command.name} `, ...parts] : []));
  }

  // ── Sending and history ──────────────────────────────────────────────────────────────────────────────────────────

  async #submit() {
    const text = this.#box.value.trim();
    if (!text) return;
    this.#remember(text);
    this.#set("");
    const refusal = await this.#send(text);
    if (!refusal) return;
    if (!this.#box.value) this.#set(text);
    byId("refusal").textContent = refusal;
  }

  #recall(step) {
    const lines = this.#lines();
    const here = this.#place ?? lines.length;
    const next = here + step;
    const isAtEdge = step < 0 ? !this.#box.value.slice(0, this.#box.selectionStart).includes("\n") : this.#place !== null;
    if (!isAtEdge || next < 0 || next > lines.length) return false;
    if (this.#place === null) this.#draft = this.#box.value;
    this.#set(next === lines.length ? this.#draft : lines[next]);
    this.#place = next === lines.length ? null : next;
    return true;
  }

  #set(text) {
    this.#box.value = text;
    this.#place = null;
    this.#changed();
    this.#hide();
  }

  #remember(text) {
    const lines = this.#lines().filter((line) => line !== text);
    localStorage.setItem(this.#storage(), JSON.stringify([...lines, text].slice(-KEPT_LINES)));
  }

  #lines() {
    try {
      return JSON.parse(localStorage.getItem(this.#storage()) ?? "[]");
    } catch {
      // Something else changed the text: start over.
      return [];
    }
  }

  #storage() {
    return `lines of ${this.#user}`;
  }

  #fit() {
    this.#box.style.height = "";
    // An empty box has the height of its one row; its long placeholder must not make it scroll.
    if (this.#box.value) this.#box.style.height = `${this.#box.scrollHeight}px`;
    byId("send").disabled = !this.#box.value.trim();
  }
}
