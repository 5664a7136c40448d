// What the axis of the day grid calls a slot. Labels come from the server, so the browser's own time zone plays no part.

const CLOCK = /^(\d+):(\d\d) ([AP]M)(.*)$/;

// "10:15 AM": the label of the last marked slot at or before it, and the quarters since.
export function labelOf(root, slot) {
  let mark = null;
  for (const cell of root.querySelectorAll(".at[data-i]")) {
    if (Number(cell.dataset.i) > slot) break;
    mark = cell;
  }
  return later(mark.textContent.trim(), slot - Number(mark.dataset.i));
}

function later(label, quarters) {
  const [, hour, minute, half, zone] = CLOCK.exec(label);
  const minutes = (Number(hour) % 12 + (half === "PM" ? 12 : 0)) * 60 + Number(minute) + quarters * 15;
  const h = Math.floor(minutes / 60) % 24;
  return `${h % 12 || 12}:${String(minutes % 60).padStart(2, "0")} ${h < 12 ? "AM" : "PM"}${zone}`;
}

// "2:15–3:00 PM"
export function rangeOf(root, start, end) {
  const [one, other] = [labelOf(root, start), labelOf(root, end)];
  const half = / [AP]M$/;
  const isSameHalf = half.test(one) && one.slice(-3) === other.slice(-3);
  return `${isSameHalf ? one.replace(half, "") : one}–${other}`;
}
