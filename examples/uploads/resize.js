import { PNG } from 'pngjs'

/** Scales a PNG down so that its longer side has `size` pixels at most, each the average of those that it stands for. */
export function resize(body, size) {
  const image = PNG.sync.read(body)
  const scale = Math.max(1, Math.max(image.width, image.height) / size)
  const small = new PNG({
    width: Math.max(1, Math.round(image.width / scale)),
    height: Math.max(1, Math.round(image.height / scale)),
  })
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) average(image, small, x, y)
  }
  return PNG.sync.write(small)
}

function average(image, small, x, y) {
  const [left, right] = span(x, small.width, image.width)
  const [top, bottom] = span(y, small.height, image.height)
  const pixels = (right - left) * (bottom - top)
  for (let channel = 0; channel < 4; channel++) {
    let sum = 0
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) sum += image.data[(row * image.width + column) * 4 + channel]
    }
    small.data[(y * small.width + x) * 4 + channel] = Math.round(sum / pixels)
  }
}

/** The pixels of the large side that pixel `at` of the small side stands for: from, and one past. */
function span(at, small, large) {
  const from = Math.floor((at * large) / small)
  return [from, Math.max(from + 1, Math.floor(((at + 1) * large) / small))]
}
