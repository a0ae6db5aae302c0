package models

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of the messages of onnx.proto that are read or written here.
const (
	modelGraph = 7

	graphNode        = 1
	graphInitializer = 5
	graphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeOp        = 4
	nodeAttribute = 5

	attrName   = 1
	attrFloat  = 2
	attrInt    = 3
	attrText   = 4
	attrTensor = 5
	attrInts   = 8
	attrKind   = 20

	tensorDims   = 1
	tensorKind   = 2
	tensorFloats = 4
	tensorInts   = 7
	tensorName   = 8
	tensorRaw    = 9

	valueName = 1
	valueType = 2

	typeTensor = 1
	tensorElem = 1
)

// field is one field of a protobuf message.
type field struct {
	num  protowire.Number
	kind protowire.Type
	n    uint64 // of a varint, or the bits of a 32-bit float
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
		case protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(m[n:])
			f.n = uint64(v)
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
	var n []byte
	for _, in := range inputs {
		n = message(n, nodeInput, in)
	}
	for _, out := range outs {
		n = message(n, nodeOutput, out)
	}
	n = message(n, nodeOp, op)
	for _, a := range attrs {
		n = message(n, nodeAttribute, a.encode())
	}
	g.body = message(g.body, graphNode, n)
}

// encode is the attribute as an AttributeProto.
func (a attr) encode() []byte {
	m := message(nil, attrName, a.name)
	switch v := a.value.(type) {
	case float32:
		m = protowire.AppendFixed32(protowire.AppendTag(m, attrFloat, protowire.Fixed32Type), math.Float32bits(v))
		return number(m, attrKind, 1)
	case int:
		return number(number(m, attrInt, int64(v)), attrKind, 2)
	case string:
		return number(message(m, attrText, v), attrKind, 3)
	case []int:
		for _, i := range v {
			m = number(m, attrInts, int64(i))
		}
		return number(m, attrKind, 7)
	}
	panic(fmt.Sprintf("attribute %s of type %T", a.name, a.value))
}

// floats adds a constant and returns its name.
func (g *graph) floats(data []float32, shape ...int) string {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constant(kindFloat, message(nil, tensorRaw, raw), shape)
}

// ints adds a constant vector and returns its name.
func (g *graph) ints(data ...int) string {
	var list []byte
	for _, v := range data {
		list = number(list, tensorInts, int64(v))
	}
	return g.constant(kindInt, list, []int{len(data)})
}

// constant adds a TensorProto whose elements are encoded already.
func (g *graph) constant(kind int64, t []byte, shape []int) string {
	for _, d := range shape {
		t = number(t, tensorDims, int64(d))
	}
	name := g.name()
	g.body = message(g.body, graphInitializer, message(number(t, tensorKind, kind), tensorName, name))
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
