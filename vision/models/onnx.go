package models

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of the messages of onnx.proto that are read or written here.
const (
	modelGraph = 7

	graphNode   = 1
	graphOutput = 12

	nodeInput  = 1
	nodeOutput = 2

	valueName = 1
	valueType = 2

	typeTensor = 1
	tensorElem = 1
)

// field is one field of a protobuf message.
type field struct {
	num  protowire.Number
	kind protowire.Type
	n    uint64 // of a varint
	data []byte // of a message or text
	raw  []byte // the whole field as it stands
}

// fields reads a message's fields.
func fields(m []byte) (list []field, err error) {
	for len(m) > 0 {
		num, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		f := field{num: num, kind: kind}
		size := protowire.ConsumeFieldValue(num, kind, m[n:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		switch kind {
		case protowire.VarintType:
			f.n, _ = protowire.ConsumeVarint(m[n:])
		case protowire.BytesType:
			f.data, _ = protowire.ConsumeBytes(m[n:])
		}
		f.raw, m = m[:n+size], m[n+size:]
		list = append(list, f)
	}
	return list, nil
}

// message appends a field that is a message or a text.
func message[T string | []byte](m []byte, num protowire.Number, v T) []byte {
	m = protowire.AppendTag(m, num, protowire.BytesType)
	m = protowire.AppendVarint(m, uint64(len(v)))
	return append(m, v...)
}

// number appends a field that is a number.
func number(m []byte, num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(m, num, protowire.VarintType), uint64(v))
}

// cut is a model that ends at one of its inner tensors of floats: this is its only
// output, and nodes that it does not need are gone.
func cut(model []byte, output string) ([]byte, error) {
	top, err := fields(model)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, f := range top {
		if f.num != modelGraph {
			out = append(out, f.raw...)
			continue
		}
		graph, err := fields(f.data)
		if err != nil {
			return nil, err
		}
		needed, found := map[string]bool{output: true}, false
		for i, f := range slices.Backward(graph) { // nodes stand in order
			if f.num != graphNode {
				continue
			}
			node, err := fields(f.data)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(node, func(f field) bool { return f.num == nodeOutput && needed[string(f.data)] }) {
				graph[i].raw = nil
				continue
			}
			found = true
			for _, f := range node {
				if f.num == nodeInput {
					needed[string(f.data)] = true
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("no node makes %s", output)
		}
		var kept []byte
		for _, f := range graph {
			if f.num != graphOutput {
				kept = append(kept, f.raw...)
			}
		}
		out = message(out, modelGraph, message(kept, graphOutput, floatValue(output)))
	}
	if len(out) == 0 {
		return nil, errors.New("the model is empty")
	}
	return out, nil
}

// graph is a network being written in ONNX (opset 18).
type graph struct {
	body []byte // fields of a GraphProto
	made int    // names given so far
}

const (
	kindFloat = 1 // TensorProto.FLOAT
	kindInt   = 7 // TensorProto.INT64
)

// attr is an attribute of a node: an int, a float32, a string or []int.
type attr struct {
	name  string
	value any
}

// node adds a node and returns the names of its outputs: out, or a new name when
// out is empty.
func (g *graph) node(op, out string, inputs []string, attrs ...attr) string {
	if out == "" {
		out = g.name()
	}
	g.many(op, []string{out}, inputs, attrs...)
	return out
}

// name is a name that no other tensor has.
func (g *graph) name() string {
	g.made++
	return fmt.Sprintf("_%d", g.made)
}

// many adds a node with several outputs.
func (g *graph) many(op string, outs, inputs []string, attrs ...attr) {
	const opType, attribute = 4, 5
	var n []byte
	for _, in := range inputs {
		n = message(n, nodeInput, in)
	}
	for _, out := range outs {
		n = message(n, nodeOutput, out)
	}
	n = message(n, opType, op)
	for _, a := range attrs {
		n = message(n, attribute, a.encode())
	}
	g.body = message(g.body, graphNode, n)
}

// encode is the attribute as an AttributeProto.
func (a attr) encode() []byte {
	const name, f, i, s, ints, kind = 1, 2, 3, 4, 8, 20
	m := message(nil, name, a.name)
	switch v := a.value.(type) {
	case float32:
		m = protowire.AppendFixed32(protowire.AppendTag(m, f, protowire.Fixed32Type), math.Float32bits(v))
		return number(m, kind, 1)
	case int:
		return number(number(m, i, int64(v)), kind, 2)
	case string:
		return number(message(m, s, v), kind, 3)
	case []int:
		for _, i := range v {
			m = number(m, ints, int64(i))
		}
		return number(m, kind, 7)
	}
	panic(fmt.Sprintf("attribute %s of type %T", a.name, a.value))
}

// floats adds a constant and returns its name.
func (g *graph) floats(data []float32, shape ...int) string {
	const rawData = 9
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constant(kindFloat, message(nil, rawData, raw), shape)
}

// ints adds a constant vector and returns its name.
func (g *graph) ints(data ...int) string {
	const int64Data = 7
	var list []byte
	for _, v := range data {
		list = number(list, int64Data, int64(v))
	}
	return g.constant(kindInt, list, []int{len(data)})
}

// constant adds a TensorProto whose elements are encoded already.
func (g *graph) constant(kind int64, t []byte, shape []int) string {
	const initializer, dims, dataType, tensorName = 5, 1, 2, 8
	for _, d := range shape {
		t = number(t, dims, int64(d))
	}
	name := g.name()
	g.body = message(g.body, initializer, message(number(t, dataType, kind), tensorName, name))
	return name
}

// input adds an input of floats; a negative dimension may have any length.
func (g *graph) input(name string, shape ...int) {
	const graphInput, tensorShape, dim, dimValue, dimParam = 11, 2, 1, 1, 2
	var dims []byte
	for _, d := range shape {
		if d < 0 {
			dims = message(dims, dim, message(nil, dimParam, "n"))
		} else {
			dims = message(dims, dim, number(nil, dimValue, int64(d)))
		}
	}
	tensor := message(number(nil, tensorElem, kindFloat), tensorShape, dims)
	g.body = message(g.body, graphInput, message(message(nil, valueName, name), valueType, message(nil, typeTensor, tensor)))
}

// output names a tensor of floats as an output.
func (g *graph) output(name string) { g.body = message(g.body, graphOutput, floatValue(name)) }

// floatValue is a ValueInfoProto of floats of any shape.
func floatValue(name string) []byte {
	return message(message(nil, valueName, name), valueType, message(nil, typeTensor, number(nil, tensorElem, kindFloat)))
}

// model is the graph as a ModelProto.
func (g *graph) model() []byte {
	const irVersion, producer, opsets, graphName, opsetVersion = 1, 2, 8, 2, 2
	m := message(number(nil, irVersion, 8), producer, "porchlight")
	m = message(m, modelGraph, message(g.body, graphName, "main"))
	return message(m, opsets, number(nil, opsetVersion, 18))
}
