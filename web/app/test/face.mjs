// A face that nobody has: drawn in a browser's canvas, with skin, shade, eyes,
// brows, nose, mouth, ears, hair and shoulders.

/** Runs in the page: a PNG data URL of a person of size x 1.5 size pixels, with nothing behind. */
export function person({ size, skin = [198, 150, 122], hair = [52, 36, 26], coat = [58, 74, 96], eye = [70, 50, 34] }) {
  const canvas = document.createElement('canvas');
  canvas.width = size;
  canvas.height = size * 1.5;
  const c = canvas.getContext('2d');
  c.scale(size / 200, size / 200);
  const rgb = ([r, g, b], k = 1, a = 1) => `rgba(${Math.min(255, r * k)},${Math.min(255, g * k)},${Math.min(255, b * k)},${a})`;
  const oval = (x, y, w, h, fill, blur = 0, turn = 0) => {
    c.filter = blur ? `blur(${(blur * size) / 200}px)` : 'none';
    c.fillStyle = fill;
    c.beginPath();
    c.ellipse(x, y, w, h, turn, 0, 7);
    c.fill();
    c.filter = 'none';
  };
  // Coat, neck, ears, the back of the hair.
  const cloth = c.createLinearGradient(20, 0, 180, 0);
  cloth.addColorStop(0, rgb(coat, 1.1));
  cloth.addColorStop(1, rgb(coat, 0.6));
  c.fillStyle = cloth;
  c.beginPath();
  c.roundRect(18, 205, 164, 120, 46);
  c.fill();
  oval(100, 92, 66, 78, rgb(hair, 0.9));
  c.fillStyle = rgb(skin, 0.72);
  c.fillRect(78, 160, 44, 62);
  oval(100, 222, 26, 14, rgb(skin, 0.78));
  for (const s of [-1, 1]) oval(100 + s * 60, 112, 10, 17, rgb(skin, 0.82), 1);
  // The head, lit from the left above.
  c.save();
  c.beginPath();
  c.moveTo(42, 90);
  c.bezierCurveTo(42, 20, 158, 20, 158, 90);
  c.bezierCurveTo(158, 130, 146, 160, 124, 178);
  c.bezierCurveTo(110, 188, 90, 188, 76, 178);
  c.bezierCurveTo(54, 160, 42, 130, 42, 90);
  c.clip();
  const light = c.createRadialGradient(82, 86, 10, 100, 110, 100);
  light.addColorStop(0, rgb(skin, 1.16));
  light.addColorStop(0.6, rgb(skin, 1));
  light.addColorStop(1, rgb(skin, 0.6));
  c.fillStyle = light;
  c.fillRect(0, 0, 200, 300);
  for (const s of [-1, 1]) {
    oval(100 + s * 27, 101, 20, 13, rgb(skin, 0.68, 0.75), 5); // sockets
    oval(100 + s * 36, 132, 16, 12, 'rgba(205,90,80,0.22)', 7); // cheeks
    oval(100 + s * 15, 128, 5, 18, rgb(skin, 0.7, 0.45), 4, s * 0.15); // sides of the nose
  }
  oval(97, 115, 5, 24, rgb(skin, 1.28, 0.75), 4); // its bridge
  oval(100, 138, 16, 8, rgb(skin, 0.86, 0.7), 3);
  oval(99, 134, 9, 7, rgb(skin, 1.25, 0.7), 3);
  oval(100, 145, 15, 4, rgb(skin, 0.5, 0.55), 2.5);
  for (const s of [-1, 1]) oval(100 + s * 7, 142, 3.6, 2.2, rgb(skin, 0.3, 0.9), 1);
  oval(100, 177, 26, 7, rgb(skin, 0.75, 0.6), 5);
  oval(100, 167, 18, 4, rgb(skin, 0.68, 0.6), 3);
  // Mouth.
  c.filter = `blur(${(0.8 * size) / 200}px)`;
  c.fillStyle = 'rgb(150,72,68)';
  c.beginPath();
  c.moveTo(76, 157);
  c.quadraticCurveTo(92, 149, 100, 153);
  c.quadraticCurveTo(108, 149, 124, 157);
  c.quadraticCurveTo(100, 172, 76, 157);
  c.fill();
  c.strokeStyle = 'rgb(86,34,34)';
  c.lineWidth = 2;
  c.beginPath();
  c.moveTo(76, 157);
  c.quadraticCurveTo(100, 161, 124, 157);
  c.stroke();
  c.filter = 'none';
  oval(99, 163, 9, 2.4, 'rgba(230,160,150,0.5)', 2);
  // Eyes and brows.
  for (const s of [-1, 1]) {
    const x = 100 + s * 27;
    c.save();
    c.beginPath();
    c.moveTo(x - 14, 103);
    c.quadraticCurveTo(x, 91, x + 14, 103);
    c.quadraticCurveTo(x, 111, x - 14, 103);
    c.clip();
    oval(x, 102, 16, 12, 'rgb(226,220,212)');
    oval(x, 101, 6.6, 6.6, rgb(eye));
    oval(x, 101, 3.2, 3.2, 'rgb(12,10,10)');
    oval(x - 2, 98.6, 1.6, 1.6, 'rgb(255,255,255)');
    oval(x, 94, 16, 4, 'rgba(40,20,14,0.45)', 1.5);
    c.restore();
    c.filter = `blur(${(0.5 * size) / 200}px)`;
    c.strokeStyle = rgb(hair, 0.6);
    c.lineWidth = 2.4;
    c.beginPath();
    c.moveTo(x - 14, 103);
    c.quadraticCurveTo(x, 91, x + 14, 103);
    c.stroke();
    c.strokeStyle = rgb(hair, 0.8, 0.9);
    c.lineWidth = 5;
    c.beginPath();
    c.moveTo(x - s * 13, 85);
    c.quadraticCurveTo(x + s * 2, 77, x + s * 17, 84);
    c.stroke();
    c.filter = 'none';
  }
  c.restore();
  // Hair over the forehead.
  c.filter = `blur(${(1.2 * size) / 200}px)`;
  c.fillStyle = rgb(hair);
  c.beginPath();
  c.moveTo(38, 112);
  c.bezierCurveTo(26, 20, 80, 6, 112, 12);
  c.bezierCurveTo(160, 12, 172, 60, 162, 112);
  c.bezierCurveTo(158, 84, 150, 66, 136, 58);
  c.bezierCurveTo(104, 64, 70, 58, 58, 66);
  c.bezierCurveTo(46, 78, 42, 96, 38, 112);
  c.fill();
  c.filter = 'none';
  oval(84, 30, 26, 8, rgb(hair, 1.9, 0.5), 6, -0.3);
  return canvas.toDataURL('image/png');
}
