// What the axis of the day grid calls a slot. Labels come from the server, so the browser's own time zone plays no part.

const DAY = 24 * 60;
const CLOCK = /^(\d+):(\d\d) ([AP]M)(.*)$/;

// "10:15 AM": the label of the last marked slot at or before it, and the quarters since. A card that began the day before
// is told back from the first one.
export function labelOf(root, slot) {
  const cells = [...root.querySelectorAll(".at[data-i]")];
  const mark = cells.findLast((cell) => Number(cell.dataset.i) <= slot) ?? cells[0];
  return later(mark.textContent.trim(), slot - Number(mark.dataset.i));
}

function later(label, quarters) {
  const [, hour, minute, half, zone] = CLOCK.exec(label);
  const minutes = (Number(hour) % 12 + (half === "PM" ? 12 : 0)) * 60 + Number(minute) + quarters * 15;
  const ofDay = ((minutes % DAY) + DAY) % DAY;
  const h = Math.floor(ofDay / 60);
  return `${h % 12 || 12}:${String(ofDay % 60).padStart(2, "0")} ${h < 12 ? "AM" : "PM"}${zone}`;
}

// "2:15–3:00 PM"
export function rangeOf(root, start, end) {
  const [one, other] = [labelOf(root, start), labelOf(root, end)];
  const half = / [AP]M$/;
  const isSameHalf = half.test(one) && one.slice(-3) === other.slice(-3);
  return `${isSameHalf ? one.replace(half, "") : one}–${other}`;
}
