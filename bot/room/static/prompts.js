// The pop-up that asks before a click counts.

import { element } from "./dom.js";
import { text } from "./mrkdwn.js";

/** Ask; resolves to true when the person says yes. Escape says no. */
export function confirmed(question, room) {
  const ask = element(
    "dialog",
    { class: "window confirm", "aria-labelledby": "question" },
    element(
      "form",
      { method: "dialog" },
      element("h2", { id: "question" }, question.title.text),
      element("div", { class: "text" }, text(question.text, room)),
      element(
        "footer",
        {},
        element("button", { class: "button", value: "no", autofocus: true }, question.deny.text),
        element("button", { class: `button ${question.style ?? "primary"}`, value: "yes" }, question.confirm.text),
      ),
    ),
  );
  document.body.append(ask);
  ask.showModal();
  return new Promise((resolve) => {
    ask.addEventListener("close", () => {
      ask.remove();
      resolve(ask.returnValue === "yes");
    });
  });
}
