// Slack's mark-up as DOM nodes. Everything that is not mark-up stays text; what is not closed is not mark-up.

import { element } from "./dom.js";

const FENCE = /```\n?([\s\S]*?\S[\s\S]*?)\n?```/u;
const QUOTE = /^(?:>|&gt;) ?/u;
const BULLET = /^\s*[•◦▪-] /u;
// Marks count at the edge of a word only: `snake_case_name` and `2*3*4` stay as they are.
const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<angle>[^<>\\n]+)>",
    "(?<![\\p{L}\\p{N}*])\\*(?<bold>[^\\s*](?:[^\\n*]*[^\\s*])?)\\*(?![\\p{L}\\p{N}*])",
    "(?<![\\p{L}\\p{N}_])_(?<italic>[^\\s_](?:[^\\n]*?[^\\s])?)_(?![\\p{L}\\p{N}_])",
    "(?<![\\p{L}\\p{N}~])~(?<strike>[^\\s~](?:[^\\n~]*[^\\s~])?)~(?![\\p{L}\\p{N}~])",
  ].join("|"),
  "u",
);
const TAGS = { bold: "b", italic: "i", strike: "s" };

/** Render mrkdwn; `nameOf` gives the name of a user or channel id, or undefined. */
export function mrkdwn(text, nameOf) {
  const made = document.createDocumentFragment();
  let rest = text;
  for (let fence = FENCE.exec(rest); fence; fence = FENCE.exec(rest)) {
    made.append(...lines(rest.slice(0, fence.index).replace(/\n$/u, ""), nameOf));
    made.append(element("pre", { class: "code", tabindex: 0 }, plain(fence[1])));
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/u, "");
  }
  made.append(...lines(rest, nameOf));
  return made;
}

/** Render a text object; `plain_text` has no mark-up. */
export function text(object, room) {
  return object.type === "mrkdwn" ? mrkdwn(object.text, room.nameOf) : document.createTextNode(object.text);
}

/** Undo Slack's three entities; the ampersand last, so that `&amp;lt;` stays the four characters somebody typed. */
export function plain(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

/** Make a link that cannot run anything and tells the other side nothing; other schemes stay text. */
export function link(address, label) {
  if (!isAddress(address)) return document.createTextNode(label ? `${label} (${address})` : address);
  const attributes = { href: address, target: "_blank", rel: "noopener noreferrer", title: address };
  return element("a", attributes, label || address);
}

const isAddress = (text) => /^(?:https?:\/\/|mailto:)/iu.test(text);

function lines(text, nameOf) {
  if (!text) return [];
  return text.split("\n").map((line) => {
    const quoted = QUOTE.exec(line);
    if (quoted) return element("blockquote", {}, ...inline(line.slice(quoted[0].length), nameOf));
    if (!line.trim()) return element("div", { class: "line" }, element("br"));
    return element("div", { class: BULLET.test(line) ? "line bullet" : "line" }, ...inline(line, nameOf));
  });
}

function inline(text, nameOf) {
  const made = [];
  let rest = text;
  for (let mark = INLINE.exec(rest); mark; mark = INLINE.exec(rest)) {
    if (mark.index) made.push(plain(rest.slice(0, mark.index)));
    made.push(marked(mark.groups, nameOf));
    rest = rest.slice(mark.index + mark[0].length);
  }
  if (rest) made.push(plain(rest));
  return made;
}

function marked(groups, nameOf) {
  if (groups.code !== undefined) return element("code", {}, plain(groups.code));
  if (groups.angle !== undefined) return angle(groups.angle, nameOf);
  const kind = Object.keys(TAGS).find((name) => groups[name] !== undefined);
  return element(TAGS[kind], {}, ...inline(groups[kind], nameOf));
}

function angle(inside, nameOf) {
  const bar = inside.indexOf("|");
  const address = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : plain(inside.slice(bar + 1));
  const id = address.slice(1);
  switch (address[0]) {
    case "@":
      return element("span", { class: "mention" }, `@${nameOf(id) ?? (label || id)}`);
    case "#":
      return element("span", { class: "mention" }, `#${nameOf(id) ?? (label || id)}`);
    case "!":
      return id.startsWith("date^") ? label || id : element("span", { class: "mention" }, label || `@${id}`);
    default:
      // What only looks like a link, as a tag does, is shown as it is.
      return isAddress(address) ? link(plain(address), label) : `<${plain(inside)}>`;
  }
}
