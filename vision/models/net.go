package models

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// net is a network that is being changed.
type net struct {
	top     []field  // of the model, without its graph
	rest    []field  // of the graph, without its nodes and constants
	outputs []string // what the network is for
	nodes   []*node  // in an order in which they can be computed
	initial []initializer
	floats  map[string]tensor // constants
	made    int               // names given so far
}

// initializer is a constant as it stands in the model.
type initializer struct {
	name string
	raw  []byte
}

// node is an operation.
type node struct {
	op      string
	in, out []string
	rest    []field // attributes and all else
}

// tensor is a constant of floats.
type tensor struct {
	shape []int
	data  []float32
}

func readNet(model []byte) (*net, error) {
	n := &net{floats: map[string]tensor{}}
	top, err := fields(model)
	if err != nil {
		return nil, err
	}
	for _, f := range top {
		if f.num != modelGraph {
			n.top = append(n.top, f)
			continue
		}
		graph, err := fields(f.data)
		if err != nil {
			return nil, err
		}
		for _, f := range graph {
			switch f.num {
			case graphNode:
				op, err := readNode(f.data)
				if err != nil {
					return nil, err
				}
				for _, name := range op.out {
					if v, err := strconv.Atoi(strings.TrimPrefix(name, "_")); err == nil {
						n.made = max(n.made, v) // so that new names are new
					}
				}
				n.nodes = append(n.nodes, op)
				if t, ok := op.constant(); ok {
					n.floats[op.out[0]] = t
				}
			case graphInitializer:
				name, t, ok := readTensor(f.data)
				n.initial = append(n.initial, initializer{name, f.raw})
				if ok {
					n.floats[name] = t
				}
			case graphOutput:
				v, err := fields(f.data)
				if err != nil {
					return nil, err
				}
				for _, f := range v {
					if f.num == valueName {
						n.outputs = append(n.outputs, string(f.data))
					}
				}
				n.rest = append(n.rest, f)
			default:
				n.rest = append(n.rest, f)
			}
		}
	}
	return n, nil
}

func readNode(m []byte) (*node, error) {
	all, err := fields(m)
	if err != nil {
		return nil, err
	}
	n := &node{}
	for _, f := range all {
		switch f.num {
		case nodeInput:
			n.in = append(n.in, string(f.data))
		case nodeOutput:
			n.out = append(n.out, string(f.data))
		case nodeOp:
			n.op = string(f.data)
			n.rest = append(n.rest, f)
		default:
			n.rest = append(n.rest, f)
		}
	}
	return n, nil
}

// constant is the floats that the node makes of nothing.
func (n *node) constant() (t tensor, ok bool) {
	if n.op != "Constant" || len(n.out) != 1 {
		return t, false
	}
	for _, f := range n.attribute("value") {
		if f.num == attrTensor {
			_, t, ok = readTensor(f.data)
		}
	}
	return t, ok
}

// attribute is the fields of an attribute; none when the node does not have it.
func (n *node) attribute(name string) []field {
	for _, f := range n.rest {
		if f.num != nodeAttribute {
			continue
		}
		if a, err := fields(f.data); err == nil && slices.ContainsFunc(a, func(f field) bool { return f.num == attrName && string(f.data) == name }) {
			return a
		}
	}
	return nil
}

// readTensor reads a TensorProto of floats that lie in it.
func readTensor(m []byte) (name string, t tensor, ok bool) {
	all, err := fields(m)
	if err != nil {
		return "", t, false
	}
	var raw []byte
	size := 1
	for _, f := range all {
		switch f.num {
		case tensorDims:
			dims := []uint64{f.n}
			if f.kind == protowire.BytesType { // packed
				dims = nil
				for b := f.data; len(b) > 0; {
					d, n := protowire.ConsumeVarint(b)
					if n < 0 {
						return "", t, false
					}
					dims, b = append(dims, d), b[n:]
				}
			}
			for _, d := range dims {
				if d > math.MaxInt32 || size > math.MaxInt32 {
					return "", t, false
				}
				t.shape, size = append(t.shape, int(d)), size*int(d)
			}
		case tensorKind:
			ok = f.n == kindFloat
		case tensorName:
			name = string(f.data)
		case tensorRaw, tensorFloats:
			raw = append(raw, f.data...)
		}
	}
	if !ok || len(raw) != 4*size {
		return name, t, false
	}
	for ; len(raw) > 0; raw = raw[4:] {
		t.data = append(t.data, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return name, t, true
}

// add adds a constant and returns its name.
func (n *net) add(t tensor) string {
	g := graph{made: n.made}
	name := g.floats(t.data, t.shape...)
	n.made, n.floats[name] = g.made, t
	n.initial = append(n.initial, initializer{name, g.body})
	return name
}

// cut is a model that ends at one of its inner tensors of floats: this is its only
// output.
func cut(model []byte, output string) ([]byte, error) {
	n, err := readNet(model)
	if err != nil {
		return nil, err
	}
	if n.maker(output) == nil {
		return nil, fmt.Errorf("no node makes %s", output)
	}
	n.rest = slices.DeleteFunc(n.rest, func(f field) bool { return f.num == graphOutput })
	n.rest = append(n.rest, field{raw: message(nil, graphOutput, floatValue(output))})
	n.outputs = []string{output}
	return n.write(), nil
}

// write writes the network, without what its outputs do not need.
func (n *net) write() []byte {
	needed := map[string]bool{}
	for _, name := range n.outputs {
		needed[name] = true
	}
	var nodes [][]byte
	for _, op := range slices.Backward(n.nodes) {
		if !slices.ContainsFunc(op.out, func(name string) bool { return needed[name] }) {
			continue
		}
		var m []byte
		for _, name := range op.in {
			needed[name] = true
			m = message(m, nodeInput, name)
		}
		for _, name := range op.out {
			m = message(m, nodeOutput, name)
		}
		for _, f := range op.rest {
			m = append(m, f.raw...)
		}
		nodes = append(nodes, m)
	}
	var body []byte
	for _, m := range slices.Backward(nodes) {
		body = message(body, graphNode, m)
	}
	for _, i := range n.initial {
		if needed[i.name] {
			body = append(body, i.raw...)
		}
	}
	for _, f := range n.rest {
		body = append(body, f.raw...)
	}
	var out []byte
	for _, f := range n.top {
		out = append(out, f.raw...)
	}
	return message(out, modelGraph, body)
}
