// Package ort runs neural networks with ONNX Runtime, whose shared library is
// loaded at run time and called through its C API (onnxruntime_c_api.h) without
// cgo. It works on Linux and macOS, amd64 and arm64; elsewhere Open says so.
//
// A session computes on the calling thread alone. Workers that share one session
// are faster than one that computes on several threads.
package ort

import (
	"errors"
	"fmt"
	"slices"
)

// ErrClosed is what Run returns after Close.
var ErrClosed = errors.New("the network was closed")

// Tensor is an array of numbers, its last dimension lying next to each other.
// One of Float and Int is set, and has as many elements as Shape says.
type Tensor struct {
	Shape []int64
	Float []float32
	Int   []int64
}

// Floats is a tensor of 32-bit floating point numbers; it keeps data.
func Floats(data []float32, shape ...int64) Tensor { return Tensor{Shape: shape, Float: data} }

// Ints is a tensor of 64-bit integers; it keeps data.
func Ints(data []int64, shape ...int64) Tensor { return Tensor{Shape: shape, Int: data} }

// Type is what the elements of a tensor are, by the numbers of
// ONNXTensorElementDataType.
type Type int32

const (
	Float32 Type = 1
	Int64   Type = 7
)

// Port is an input or an output of a network.
type Port struct {
	Name  string
	Type  Type    // Float32 and Int64 can be run
	Shape []int64 // -1 where any length will do
}

// check says why t cannot go into p.
func (p Port) check(t Tensor) error {
	n, have, kind := int64(1), len(t.Float), Float32
	if t.Int != nil {
		have, kind = len(t.Int), Int64
	}
	for _, d := range t.Shape {
		if d < 1 {
			return fmt.Errorf("input %s: an empty tensor, of shape %v", p.Name, t.Shape)
		}
		n *= d
	}
	if kind != p.Type || t.Float != nil && t.Int != nil {
		return fmt.Errorf("input %s: elements of another type than the network takes", p.Name)
	}
	if int64(have) != n {
		return fmt.Errorf("input %s: %d elements for the shape %v", p.Name, have, t.Shape)
	}
	if !slices.EqualFunc(t.Shape, p.Shape, func(have, want int64) bool { return have == want || want < 0 }) {
		return fmt.Errorf("input %s: shape %v, the network takes %v", p.Name, t.Shape, p.Shape)
	}
	return nil
}
