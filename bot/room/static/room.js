// The room as one person sees it: its state, what changes in it, and what the person does. No elements in here.

const FIRST_PAUSE = 150;
const LONGEST_PAUSE = 3000;

/** The room does not let this page in. */
export class LockedError extends Error {}

/** Exchange the token of the printed address for a cookie; throws LockedError where it is not the room's. */
export async function signIn(token) {
  await request("/room/session", { token });
}

/**
 * One person's view of a channel, kept up to date over one stream. Listeners:
 * `begun()` after everything was read again, `message(message, isNew)`, `deleted(ts)`, `view(view)`,
 * `connected(isUp)`, `locked()`.
 */
export class Room {
  #listeners;
  #user = "";
  #history = "";
  #sequence = 0;
  #visit = 0;
  #socket = null;

  constructor(listeners) {
    this.#listeners = listeners;
    this.messages = new Map();
    this.channel = null;
    this.workspace = { people: [], channels: [], bot: {}, team: {} };
    this.commands = [];
    this.view = null;
  }

  get user() {
    return this.#user;
  }

  /** Be somebody from now on: reads the state, then follows every change, over all interruptions. */
  async enter(user) {
    this.#visit += 1;
    this.#user = user;
    this.#history = "";
    this.#socket?.close();
    await this.#stay(this.#visit);
  }

  /** Name a user or a channel by its id. */
  nameOf = (id) => {
    const { people, channels, bot } = this.workspace;
    if (id === bot.user_id) return bot.name;
    if (id === "USLACKBOT") return "Slackbot";
    return [...people, ...channels].find((one) => one.id === id)?.name;
  };

  /** Type a command line; gives a refusal as text, or null. */
  type(text) {
    return this.#refusal(this.#post("/room/commands", { text }));
  }

  /** Click what a message shows, or showed when the person saw it. */
  click(ts, part, blockId, value) {
    const click = { ts, action_id: part.action_id, block_id: blockId, value, stale: true };
    return this.#refusal(this.#post("/room/clicks", click));
  }

  /** Submit a form; gives its outcome with errors by block id. */
  submit(viewId, entries) {
    return this.#answered("/room/submissions", { view_id: viewId, entries });
  }

  /** Click in a form. */
  clickForm(viewId, actionId, blockId, value, entries) {
    const click = { view_id: viewId, action_id: actionId, block_id: blockId, value, entries };
    return this.#answered("/room/form-clicks", click);
  }

  /** Close a form. */
  close(viewId) {
    return this.#refusal(this.#post("/room/closings", { view_id: viewId }));
  }

  async #stay(visit) {
    let pause = FIRST_PAUSE;
    while (visit === this.#visit) {
      try {
        await this.#catchUp(visit);
        if (visit !== this.#visit) return;
        await this.#follow(visit, () => {
          pause = FIRST_PAUSE;
          this.#listeners.connected(true);
        });
      } catch (error) {
        if (error instanceof LockedError) {
          this.#listeners.locked();
          return;
        }
        if (!(error instanceof TypeError || error instanceof RefusedError)) throw error;
      }
      if (visit !== this.#visit) return;
      this.#listeners.connected(false);
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  /** Read the state again if this page has not seen this history; otherwise the stream sends the missed changes. */
  async #catchUp(visit) {
    const { history } = await request("/room/session");
    if (history === this.#history) return;
    const state = await request(`/room/state?${new URLSearchParams({ user: this.#user })}`);
    if (visit !== this.#visit) return;
    this.#user = state.user;
    this.channel = state.workspace.channels.find(({ id }) => id === state.channel);
    this.#history = state.history;
    this.#sequence = state.sequence;
    this.workspace = state.workspace;
    this.commands = state.commands;
    this.view = state.view;
    this.messages = new Map(state.messages.map((message) => [message.ts, message]));
    this.#listeners.begun();
  }

  #follow(visit, opened) {
    const query = new URLSearchParams({ user: this.#user, since: this.#sequence });
    const socket = new WebSocket(`/room/events?${query}`);
    this.#socket = socket;
    socket.addEventListener("open", opened);
    socket.addEventListener("message", ({ data }) => {
      if (visit === this.#visit) this.#take(JSON.parse(data));
    });
    return new Promise((resolve) => socket.addEventListener("close", resolve));
  }

  #take(event) {
    this.#sequence = Math.max(this.#sequence, event.sequence);
    switch (event.kind) {
      case "message_posted":
      case "message_edited": {
        if (event.message.channel !== this.channel.id) return;
        const isNew = !this.messages.has(event.message.ts);
        this.messages.set(event.message.ts, event.message);
        this.#listeners.message(event.message, isNew);
        return;
      }
      case "message_deleted":
        this.messages.delete(event.ts);
        this.#listeners.deleted(event.ts);
        return;
      case "view_shown":
        this.view = event.view;
        this.#listeners.view(this.view);
        return;
      case "view_closed":
        if (this.view?.id === event.view.id) this.view = null;
        this.#listeners.view(this.view);
        return;
      default:
        // Receipts; and what a newer room tells an older page.
    }
  }

  #post(path, body) {
    return request(path, { user: this.#user, channel: this.channel.id, ...body });
  }

  async #refusal(asked) {
    try {
      await asked;
      return null;
    } catch (error) {
      return why(error);
    }
  }

  async #answered(path, body) {
    try {
      return await this.#post(path, body);
    } catch (error) {
      return { outcome: "failed", message: why(error) };
    }
  }
}

class RefusedError extends Error {}

function why(error) {
  if (error instanceof TypeError) return "The room does not answer. Is it still open? Try again in a moment.";
  if (error instanceof RefusedError || error instanceof LockedError) return error.message;
  throw error;
}

/** Ask the room; `fetch` itself throws TypeError where nobody answers. */
async function request(path, body) {
  const headers = { "Content-Type": "application/json" };
  const post = body ? { method: "POST", headers, body: JSON.stringify(body) } : {};
  const response = await fetch(path, { ...post, cache: "no-store", credentials: "same-origin" });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) throw new LockedError("The room no longer knows this page.");
  if (!response.ok) throw new RefusedError(answer.message || `The room refused that (${response.status}).`);
  return answer;
}
