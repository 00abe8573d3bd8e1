// The one way in which this page makes elements: text becomes text nodes, never HTML.

/** Make an element. `on…` attributes are listeners; null, undefined and false leave an attribute out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Find an element of the page by its id. */
export function byId(id) {
  return document.getElementById(id);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const date = (ts) => new Date(Number(ts) * 1000);

/** Show a message's time stamp as a time of day. */
export function clock(ts) {
  const at = date(ts);
  return element("time", { datetime: at.toISOString(), title: MOMENT.format(at) }, CLOCK.format(at));
}

/** Name the day of a time stamp. */
export function day(ts) {
  const named = DAY.format(date(ts));
  return named === DAY.format(new Date()) ? "Today" : named;
}

/** Write bytes as `docker images` does. */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** Count in words: `1 reply`, `2 replies`. */
export function count(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}
