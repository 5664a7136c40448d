// Signing: a box to draw in, and what is filled in kept as one goes. Without this, names are typed and a button saves.

const WIDTH = 1000, HEIGHT = 300, MOST_POINTS = 6000, SAVED_AFTER = 1500, TRIED_AGAIN_AFTER = 5000

for (const form of document.querySelectorAll("form.signing")) {
  drawing(form)
  if (form.dataset.save) saving(form)
}

for (const status of document.querySelectorAll("[data-reload]")) {
  setTimeout(() => location.reload(), status.dataset.reload * 1000)
}

for (const last of document.querySelectorAll("[data-blank]")) {
  setTimeout(() => { document.body.replaceChildren() }, last.dataset.blank * 1000)
}

// A device that is handed on shows nothing of the page before.
if (document.body.classList.contains("kiosk")) {
  addEventListener("pageshow", event => { if (event.persisted) location.reload() })
}

function drawing(form) {
  const box = form.querySelector(".drawing"), canvas = box.querySelector("canvas")
  const kept = form.elements.strokes, name = form.elements.name, written = form.querySelector(".written")
  const pen = canvas.getContext("2d")
  let strokes = kept.value ? JSON.parse(kept.value) : [], stroke = null

  function at(event) {
    const place = canvas.getBoundingClientRect()
    const bounded = (value, most) => Math.max(0, Math.min(most, Math.round(value)))
    return [
      bounded((event.clientX - place.left) / place.width * WIDTH, WIDTH),
      bounded((event.clientY - place.top) / place.height * HEIGHT, HEIGHT),
    ]
  }

  function draw() {
    pen.clearRect(0, 0, WIDTH, HEIGHT)
    pen.lineWidth = 6
    pen.lineCap = pen.lineJoin = "round"
    pen.strokeStyle = getComputedStyle(canvas).color
    for (const line of strokes) {
      pen.beginPath()
      line.forEach(([x, y], n) => n ? pen.lineTo(x, y) : pen.moveTo(x, y))
      if (line.length === 1) pen.lineTo(line[0][0] + 1, line[0][1])
      pen.stroke()
    }
    kept.value = strokes.length ? JSON.stringify(strokes) : ""
  }

  canvas.addEventListener("pointerdown", event => {
    if (event.button) return
    event.preventDefault()
    canvas.setPointerCapture(event.pointerId)
    strokes.push(stroke = [at(event)])
    draw()
  })
  canvas.addEventListener("pointermove", event => {
    if (!stroke || strokes.flat().length >= MOST_POINTS) return
    const [x, y] = at(event), [lastX, lastY] = stroke.at(-1)
    if (Math.hypot(x - lastX, y - lastY) < 4) return
    stroke.push([x, y])
    draw()
  })
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { stroke = null })
  box.querySelector(".clear").addEventListener("click", () => { strokes = []; draw() })

  function show() {
    const draws = form.elements.how.value === "draw"
    box.hidden = !draws
    written.hidden = draws || !name.value.trim()
    written.textContent = name.value
    if (draws) draw()
  }
  for (const way of form.querySelectorAll("[name=how]")) way.addEventListener("change", show)
  name.addEventListener("input", show)
  show()
}

function saving(form) {
  const status = form.querySelector("[data-status]")
  let timer = 0, isLeaving = false

  async function save() {
    const body = new FormData(form)
    body.delete("strokes")
    try {
      const answer = await fetch(form.dataset.save, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" })
      if (answer.type === "opaqueredirect") location.reload()
      if (answer.status >= 500) throw new Error("not saved")
      status.textContent = answer.ok ? form.dataset.saved : ""
    } catch {
      if (isLeaving) return
      status.textContent = form.dataset.unsaved
      timer = setTimeout(save, TRIED_AGAIN_AFTER)
    }
  }

  form.addEventListener("input", event => {
    if (event.target.name === "how") return
    clearTimeout(timer)
    timer = setTimeout(save, SAVED_AFTER)
  })
  addEventListener("online", save)
  form.addEventListener("submit", () => { isLeaving = true; clearTimeout(timer) })
}
