package models

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
)

// faceNet is dlib's face recognition network as face-api.js computes it, of which
// only the weights are in a file: a residual network for [n, 3, 150, 150], colours
// red first, minus (122.782, 117.001, 104.298), over 255; 128 numbers come out.
func faceNet(parts [][]byte) ([]byte, error) {
	var manifest []weightsGroup
	if err := json.Unmarshal(parts[0], &manifest); err != nil {
		return nil, err
	}
	all, err := weights(manifest, parts[1])
	if err != nil {
		return nil, err
	}
	f := &faces{weights: all}
	f.input("face", -1, 3, 150, 150)
	x := f.node("MaxPool", "", []string{f.relu(f.conv("face", "conv32_down", 2, 0))}, attr{"kernel_shape", []int{3, 3}}, attr{"strides", []int{2, 2}})
	size := 35 // height and width from here on
	for _, block := range []struct {
		name string
		down bool
	}{
		{"conv32_1", false}, {"conv32_2", false}, {"conv32_3", false},
		{"conv64_down", true}, {"conv64_1", false}, {"conv64_2", false}, {"conv64_3", false},
		{"conv128_down", true}, {"conv128_1", false}, {"conv128_2", false},
		{"conv256_down", true}, {"conv256_1", false}, {"conv256_2", false}, {"conv256_down_out", true},
	} {
		if !block.down {
			y := f.conv(f.relu(f.conv(x, block.name+"/conv1", 1, 1)), block.name+"/conv2", 1, 1)
			x = f.relu(f.node("Add", "", []string{y, x}))
			continue
		}
		channels := f.channels
		y := f.conv(f.relu(f.conv(x, block.name+"/conv1", 2, 0)), block.name+"/conv2", 1, 1)
		x = f.node("AveragePool", "", []string{x}, attr{"kernel_shape", []int{2, 2}}, attr{"strides", []int{2, 2}})
		if missing := size/2 - ((size-3)/2 + 1); missing > 0 {
			y = f.pad(y, 0, missing)
		}
		size /= 2
		if missing := f.channels - channels; missing > 0 {
			x = f.pad(x, missing, 0)
		}
		x = f.relu(f.node("Add", "", []string{x, y}))
	}
	x = f.node("Flatten", "", []string{f.node("GlobalAveragePool", "", []string{x})})
	fc := all["fc"]
	if f.err != nil || len(fc.shape) != 2 {
		return nil, cmp.Or(f.err, errors.New("fc is missing"))
	}
	f.output(f.node("MatMul", "likeness", []string{x, f.floats(fc.floats, fc.shape...)}))
	return f.model(), nil
}

// faces is that network being written.
type faces struct {
	graph
	weights  map[string]weight
	channels int // of the newest convolution
	err      error
}

// conv is a convolution and the scale after it, in one.
func (f *faces) conv(in, name string, stride, pad int) string {
	w, b := f.weights[name+"/conv/filters"], f.weights[name+"/conv/bias"].floats
	scale, shift := f.weights[name+"/scale/weights"].floats, f.weights[name+"/scale/biases"].floats
	if len(w.shape) != 4 || len(b) != w.shape[3] || len(scale) != len(b) || len(shift) != len(b) {
		f.err = fmt.Errorf("%s is missing", name)
		return in
	}
	k, ci, co := w.shape[0]*w.shape[1], w.shape[2], w.shape[3]
	filters, bias := make([]float32, len(w.floats)), make([]float32, co)
	for o := range co {
		bias[o] = float32(b[o]*scale[o]) + shift[o] // rounded as everywhere: the result has one hash
		for i := range ci {
			for p := range k {
				filters[(o*ci+i)*k+p] = w.floats[(p*ci+i)*co+o] * scale[o]
			}
		}
	}
	f.channels = co
	return f.node("Conv", "", []string{in, f.graph.floats(filters, co, ci, w.shape[0], w.shape[1]), f.graph.floats(bias, co)},
		attr{"strides", []int{stride, stride}}, attr{"pads", []int{pad, pad, pad, pad}})
}

func (f *faces) relu(in string) string { return f.node("Relu", "", []string{in}) }

// pad adds channels, or rows below and columns to the right, of zeros.
func (f *faces) pad(in string, channels, rows int) string {
	return f.node("Pad", "", []string{in, f.ints(0, 0, 0, 0, 0, channels, rows, rows)})
}
