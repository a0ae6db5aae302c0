package models

import (
	"fmt"
	"math"
	"slices"
)

// PaddlePaddle writes a convolution that is scaled and shifted, and the hard swish
// after it, as a dozen nodes, of which ONNX Runtime joins few: each is a pass over
// memory. simplify writes the same network with fewer:
//
//   - what scales and shifts a convolution's result is part of its weights and bias;
//   - what scales and shifts its input is so too, where it does not pad;
//   - x * clip(x+3, 0, 6) / 6 is x * HardSigmoid(x).
//
// Numbers differ by rounding only.
func simplify(model []byte) ([]byte, error) {
	n, err := readNet(model)
	if err != nil {
		return nil, err
	}
	n.affineAfter()
	n.hardSwish()
	n.affineBefore()
	return n.write(), nil
}

// number is the one float that name is.
func (n *net) number(name string) (v float32, ok bool) {
	t, ok := n.floats[name]
	if !ok || len(t.data) != 1 {
		return 0, false
	}
	return t.data[0], true
}

// with is the number that a node joins with its other input.
func (n *net) with(op *node, kind string) (other string, v float32, ok bool) {
	if op == nil || op.op != kind || len(op.in) != 2 {
		return "", 0, false
	}
	if v, ok = n.number(op.in[1]); ok {
		return op.in[0], v, true
	}
	v, ok = n.number(op.in[0])
	return op.in[1], v, ok && kind != "Div"
}

// affine is a scale of x by k (mul) whose only use is a shift by b (add).
func (n *net) affine(mul *node) (x string, k, b float32, add *node, ok bool) {
	if x, k, ok = n.with(mul, "Mul"); !ok {
		return
	}
	add = n.user(mul)
	_, b, ok = n.with(add, "Add")
	return
}

// maker is the node that makes a tensor; nil for what is given.
func (n *net) maker(name string) *node {
	for _, op := range n.nodes {
		if slices.Contains(op.out, name) {
			return op
		}
	}
	return nil
}

// user is the only node that needs an operation's only output; nil if there are
// several, or it is an output of the network.
func (n *net) user(op *node) (found *node) {
	if op == nil || len(op.out) != 1 || slices.Contains(n.outputs, op.out[0]) {
		return nil
	}
	for _, o := range n.nodes {
		if slices.Contains(o.in, op.out[0]) {
			if found != nil {
				return nil
			}
			found = o
		}
	}
	return found
}

func (n *net) remove(gone ...*node) {
	n.nodes = slices.DeleteFunc(n.nodes, func(op *node) bool { return slices.Contains(gone, op) })
}

// conv are the filters and the bias of a convolution.
func (n *net) conv(op *node) (filters, bias tensor, ok bool) {
	if op == nil || op.op != "Conv" || len(op.in) < 2 {
		return filters, bias, false
	}
	filters, ok = n.floats[op.in[1]]
	if !ok || len(filters.shape) != 4 || len(filters.data) == 0 {
		return filters, bias, false
	}
	if len(op.in) < 3 || op.in[2] == "" {
		return filters, tensor{filters.shape[:1], make([]float32, filters.shape[0])}, true
	}
	bias, ok = n.floats[op.in[2]]
	return filters, bias, ok && len(bias.data) == filters.shape[0]
}

// weigh gives a convolution of in other filters and another bias.
func (n *net) weigh(op *node, in string, filters, bias tensor) {
	op.in = []string{in, n.add(filters), n.add(bias)}
}

// affineAfter joins a convolution with the scale and the shift of its result.
func (n *net) affineAfter() {
	for _, conv := range slices.Clone(n.nodes) {
		filters, bias, ok := n.conv(conv)
		if !ok {
			continue
		}
		mul := n.user(conv)
		_, k, b, add, ok := n.affine(mul)
		if !ok {
			continue
		}
		n.weigh(conv, conv.in[0], filters.scaled(k, 0), bias.scaled(k, b))
		conv.out = add.out
		n.remove(mul, add)
	}
}

// scaled is the tensor times k plus b, rounded as everywhere: the result has one
// hash.
func (t tensor) scaled(k, b float32) tensor {
	data := make([]float32, len(t.data))
	for i, v := range t.data {
		data[i] = float32(v*k) + b
	}
	return tensor{t.shape, data}
}

// hardSwish finds x * clip(x+3, 0, 6) / 6.
func (n *net) hardSwish() {
	for _, div := range slices.Clone(n.nodes) {
		product, six, ok := n.with(div, "Div")
		if !ok || six != 6 {
			continue
		}
		mul := n.maker(product)
		if mul == nil || mul.op != "Mul" || len(mul.in) != 2 || n.user(mul) != div {
			continue
		}
		x, clip := mul.in[0], n.maker(mul.in[1])
		if !n.isClip(clip, 0, 6) {
			x, clip = mul.in[1], n.maker(mul.in[0])
		}
		if !n.isClip(clip, 0, 6) || n.user(clip) != mul {
			continue
		}
		add := n.maker(clip.in[0])
		if from, three, ok := n.with(add, "Add"); !ok || three != 3 || from != x || n.user(add) != clip {
			continue
		}
		n.made++
		gate := newNode("HardSigmoid", []string{x}, fmt.Sprintf("_%d", n.made), attr{"alpha", float32(1. / 6)}, attr{"beta", float32(.5)})
		n.nodes[slices.Index(n.nodes, add)] = gate
		n.nodes[slices.Index(n.nodes, div)] = newNode("Mul", []string{x, gate.out[0]}, div.out[0])
		n.remove(clip, mul)
	}
}

// newNode is a node that is not yet in the network.
func newNode(op string, in []string, out string, attrs ...attr) *node {
	made := &node{op: op, in: in, out: []string{out}, rest: []field{{num: nodeOp, raw: message(nil, nodeOp, op)}}}
	for _, a := range attrs {
		made.rest = append(made.rest, field{num: nodeAttribute, raw: message(nil, nodeAttribute, a.encode())})
	}
	return made
}

// isClip says whether a node keeps values from low to high, as operator sets
// before and since 11 write it.
func (n *net) isClip(op *node, low, high float32) bool {
	if op == nil || op.op != "Clip" {
		return false
	}
	if len(op.in) == 3 {
		a, ok := n.number(op.in[1])
		b, ok2 := n.number(op.in[2])
		return ok && ok2 && a == low && b == high
	}
	is := func(name string, want float32) bool {
		return slices.ContainsFunc(op.attribute(name), func(f field) bool {
			return f.num == attrFloat && math.Float32frombits(uint32(f.n)) == want
		})
	}
	return len(op.in) == 1 && is("min", low) && is("max", high)
}

// affineBefore joins a convolution with the scale and the shift of its input. A
// border of zeros stays one under a scale, not under a shift.
func (n *net) affineBefore() {
	for _, mul := range slices.Clone(n.nodes) {
		x, k, b, add, ok := n.affine(mul)
		if !ok || k == 0 {
			continue
		}
		conv := n.user(add)
		filters, bias, ok := n.conv(conv)
		if !ok || conv.in[0] != add.out[0] {
			continue
		}
		if conv.pads() {
			add.in = []string{x, n.add(tensor{[]int{1}, []float32{b / k}})}
			n.weigh(conv, conv.in[0], filters.scaled(k, 0), bias)
			n.remove(mul)
			continue
		}
		shifted := bias.scaled(1, 0)
		each := len(filters.data) / len(bias.data)
		for i := range shifted.data {
			var sum float64
			for _, w := range filters.data[i*each:][:each] {
				sum += float64(w)
			}
			shifted.data[i] += float32(sum * float64(b))
		}
		n.weigh(conv, x, filters.scaled(k, 0), shifted)
		n.remove(mul, add)
	}
}

// pads says whether a convolution puts zeros around its input.
func (n *node) pads() bool {
	if auto := n.attribute("auto_pad"); auto != nil && !slices.ContainsFunc(auto, func(f field) bool {
		return f.num == attrText && (string(f.data) == "NOTSET" || string(f.data) == "VALID")
	}) {
		return true
	}
	return slices.ContainsFunc(n.attribute("pads"), func(f field) bool {
		return f.num == attrInts && (f.n != 0 || slices.ContainsFunc(f.data, func(b byte) bool { return b != 0 }))
	})
}
