// What the text of a card on the day grid says, read back for its accessible name.

// A card's facility may keep another time than the axis: "10:15 CST" before the program, or before the name.
const OWN_TIME = /\d+:\d\d (?:[A-Z]{2,5}|UTC[+-][\d:]+)(?: · |\b)/;
const TIME = /^\d+:\d\d /;

export function ownTime(card) {
  const [zoned] = card.textContent.match(OWN_TIME) ?? [];
  return zoned ? `starts ${zoned.replace(" · ", "")} there` : null;
}

// "✎2/3 " where two of three documents are signed, "✎✓ " where all are.
const SIGNED = /✎(?:(\d+)\/(\d+)|✓) /;

export function documentsOf(card) {
  const [found, signed, wanted] = card.textContent.match(SIGNED) ?? [];
  if (!found) return null;
  return wanted ? `${signed} of ${wanted} documents signed` : "all documents signed";
}

export function programOf(card) {
  return card.querySelector("i")?.textContent.replace(SIGNED, "").replace(OWN_TIME, "").replace(TIME, "").trim();
}
