package models

// For the tests that run networks, which cannot be in this package: modelstest
// imports it.
var Cut, Simplify = cut, simplify

// Operations counts a network's operations, without constants.
func Operations(model []byte) (map[string]int, error) {
	n, err := readNet(model)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, op := range n.nodes {
		if op.op != "Constant" {
			count[op.op]++
		}
	}
	return count, nil
}

// Swishing is a network as PaddlePaddle writes them, for pictures [1, 3, h, w]:
// convolutions with and without a border, scaled and shifted, each followed by a
// hard swish. Twice is whether what lies between is needed elsewhere, too, so that
// nothing may be joined over it.
func Swishing(twice bool) []byte {
	g := &graph{}
	spread := func(n int, by float64) []float32 {
		list := make([]float32, n)
		for i := range list {
			list[i] = float32(by * (float64(uint32(i+1)*2654435761)/(1<<32) - 0.4))
		}
		return list
	}
	one := func(v float32) string { return g.floats([]float32{v}, 1) }
	affine := func(in string, k, b float32) string {
		return g.node("Add", "", []string{g.node("Mul", "", []string{one(k), in}), one(b)})
	}
	swish := func(in string) string {
		clip := g.node("Clip", "", []string{g.node("Add", "", []string{in, one(3)}), g.floats([]float32{0}), g.floats([]float32{6})})
		return g.node("Div", "", []string{g.node("Mul", "", []string{in, clip}), one(6)})
	}
	conv := func(in string, from, to, side, pad int) string {
		return g.node("Conv", "", []string{in, g.floats(spread(from*to*side*side, 1), to, from, side, side), g.floats(spread(to, 2), to)},
			attr{"pads", []int{pad, pad, pad, pad}})
	}
	g.input("x", 1, 3, -1, -1)
	x := affine(swish(affine(conv("x", 3, 8, 3, 1), 0.7, 0.4)), 1.3, -0.2)
	y := affine(swish(affine(conv(x, 8, 8, 3, 1), -0.5, 0.1)), 0.6, 0.3)
	z := affine(conv(y, 8, 4, 1, 0), 2, 1)
	if twice {
		z = g.node("Concat", "", []string{x, y, z}, attr{"axis", 1})
	}
	g.output(g.node("Identity", "z", []string{z}))
	return g.model()
}
