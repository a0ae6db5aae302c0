package models

import (
	"errors"
	"fmt"
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
	const float = 1
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
		value := message(nil, valueName, output)
		value = message(value, valueType, message(nil, typeTensor, number(nil, tensorElem, float)))
		out = message(out, modelGraph, message(kept, graphOutput, value))
	}
	if len(out) == 0 {
		return nil, errors.New("the model is empty")
	}
	return out, nil
}
