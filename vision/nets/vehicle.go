package nets

import "porchlight/vision"

// Vehicle tells a vehicle's type from its kind and its colour from the pixels of
// its body, by rules: about seven of ten colours are right by day, at night and in
// low sun few. What is no vehicle has neither.
func Vehicle(f vision.Frame, t vision.Thing) vision.Vehicle {
	switch t.Kind {
	case "car", "truck", "bus", "motorcycle":
		return vision.Vehicle{Type: string(t.Kind), Color: colour(f, t.Box)}
	}
	return vision.Vehicle{}
}

// colour names the colour of the body: the part of the box between the windows and
// the wheels.
func colour(f vision.Frame, b vision.Box) string {
	b = inside(vision.Box{X: b.X + 0.15*b.W, Y: b.Y + 0.4*b.H, W: 0.7 * b.W, H: 0.35 * b.H}, f)
	if b.W < 4 || b.H < 4 {
		return ""
	}
	body := Part(f, b, 32, 32)
	shares, all := map[string]float32{}, float32(0)
	for i := 0; i < len(body.Pix); i += 3 {
		h, s, v := hsv(body.Pix[i:][:3])
		weight := float32(1)
		name := ""
		switch {
		case v < 0.16:
			name = "black"
			weight = 0.7 // tyres, windows and shadows are black on every vehicle
		case s < 0.2 && v < 0.45:
			name = "gray"
			weight = 0.8 // so is the road
		case s < 0.16 && v < 0.72:
			name = "silver"
		case s < 0.16:
			name = "white"
		case s < 0.3:
			continue // reflections
		default:
			name = hue(h, s, v)
			weight = 1.4
		}
		shares[name] += weight
		all += weight
	}
	best := ""
	for name, share := range shares {
		if share > shares[best] || share == shares[best] && name < best {
			best = name
		}
	}
	if shares[best] < 0.3*all {
		return ""
	}
	return best
}

func hue(h, s, v float32) string {
	switch degrees := h * 360; {
	case degrees < 14 || degrees >= 340:
		if v < 0.35 {
			return "brown"
		}
		return "red"
	case degrees < 42:
		if v < 0.55 {
			return "brown"
		}
		return "orange"
	case degrees < 70:
		if s < 0.5 {
			return "gold"
		}
		return "yellow"
	case degrees < 165:
		return "green"
	case degrees < 260:
		return "blue"
	}
	return "purple"
}
