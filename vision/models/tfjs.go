package models

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// TensorFlow.js keeps a network as a model.json, or as its weights manifest only,
// and the weights one after the other in binary files. The names here are its.

// weightsGroup is one entry of a weights manifest.
type weightsGroup struct {
	Weights []struct {
		Name         string `json:"name"`
		Shape        []int  `json:"shape"`
		Type         string `json:"dtype"`
		Quantization *struct {
			Type  string  `json:"dtype"`
			Scale float64 `json:"scale"`
			Min   float64 `json:"min"`
		} `json:"quantization"`
	} `json:"weights"`
}

// weight is a constant of a network: floats, or ints when its type is int32.
type weight struct {
	shape  []int
	floats []float32
	ints   []int
}

// weights reads the constants of a manifest from its binary.
func weights(manifest []weightsGroup, data []byte) (map[string]weight, error) {
	all := map[string]weight{}
	for _, group := range manifest {
		for _, w := range group.Weights {
			n := 1
			for _, d := range w.Shape {
				if d < 0 || d > largest || n > largest {
					return nil, fmt.Errorf("weight %s has the shape %v", w.Name, w.Shape)
				}
				n *= d
			}
			kind, size := w.Type, 4
			if q := w.Quantization; q != nil {
				kind = q.Type
			}
			switch kind {
			case "float16":
				size = 2
			case "uint8":
				size = 1
			}
			if n > largest || n*size > len(data) {
				return nil, fmt.Errorf("weight %s: the file ends", w.Name)
			}
			raw, out := data[:n*size], weight{shape: w.Shape}
			data = data[n*size:]
			switch kind {
			case "float32":
				for i := range n {
					out.floats = append(out.floats, math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
				}
			case "float16":
				for i := range n {
					out.floats = append(out.floats, half(binary.LittleEndian.Uint16(raw[2*i:])))
				}
			case "uint8":
				if w.Quantization == nil {
					return nil, fmt.Errorf("weight %s is neither a float nor an int", w.Name)
				}
				for _, b := range raw {
					scaled := float64(float64(b) * w.Quantization.Scale) // rounded here, as a processor that fuses the addition would not
					out.floats = append(out.floats, float32(scaled+w.Quantization.Min))
				}
			case "int32":
				for i := range n {
					out.ints = append(out.ints, int(int32(binary.LittleEndian.Uint32(raw[4*i:]))))
				}
			default:
				return nil, fmt.Errorf("weight %s is of type %s, which is not known", w.Name, kind)
			}
			all[w.Name] = out
		}
	}
	return all, nil
}

// half is an IEEE 754 half-precision number.
func half(h uint16) float32 {
	sign, exp, frac := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return float32(sign * math.Ldexp(frac, -24))
	case 31:
		if frac == 0 {
			return float32(math.Inf(int(sign)))
		}
		return float32(math.NaN())
	}
	return float32(sign * math.Ldexp(1024+frac, exp-25))
}

// graphModel is a model.json of the format "graph-model".
type graphModel struct {
	Topology struct {
		Nodes []*tfNode `json:"node"`
	} `json:"modelTopology"`
	Manifest []weightsGroup `json:"weightsManifest"`
}

type tfNode struct {
	Name   string            `json:"name"`
	Op     string            `json:"op"`
	Inputs []string          `json:"input"`
	Attrs  map[string]tfAttr `json:"attr"`
}

// tfAttr is an AttrValue: numbers stand as text, texts in Base64.
type tfAttr struct {
	Float float32     `json:"f"`
	Bool  bool        `json:"b"`
	Text  []byte      `json:"s"`
	Int   json.Number `json:"i"`
	Shape struct {
		Dims []struct {
			Size json.Number `json:"size"`
		} `json:"dim"`
	} `json:"shape"`
	List struct {
		Ints  []json.Number `json:"i"`
		Texts [][]byte      `json:"s"`
	} `json:"list"`
}

// ints are the numbers of a list.
func (a tfAttr) ints() (list []int) {
	for _, n := range a.List.Ints {
		v, _ := strconv.Atoi(n.String())
		list = append(list, v)
	}
	return list
}

// converter turns a graph model into ONNX. Tensors keep TensorFlow's names and its
// order, channels last; ONNX Runtime removes the transpositions in between.
type converter struct {
	graph
	nodes   map[string]*tfNode
	weights map[string]weight
	done    map[string]string // what a tensor of TensorFlow is called here
}

// convertGraph converts what the outputs need.
func convertGraph(model, data []byte, outputs ...string) ([]byte, error) {
	var m graphModel
	if err := json.Unmarshal(model, &m); err != nil {
		return nil, err
	}
	c := &converter{nodes: map[string]*tfNode{}, done: map[string]string{}}
	var err error
	if c.weights, err = weights(m.Manifest, data); err != nil {
		return nil, err
	}
	for _, n := range m.Topology.Nodes {
		c.nodes[n.Name] = n
	}
	for _, name := range outputs {
		made, err := c.tensor(name, 0)
		if err != nil {
			return nil, err
		}
		c.node("Identity", "out:"+name, []string{made})
		c.output("out:" + name)
	}
	return c.model(), nil
}

// tensor is the name of a tensor of floats, which is made first if need be.
func (c *converter) tensor(name string, depth int) (string, error) {
	if made, ok := c.done[name]; ok {
		return made, nil
	}
	if w, ok := c.weights[name]; ok {
		if w.floats == nil {
			return "", fmt.Errorf("%s is not of floats", name)
		}
		c.done[name] = c.floats(w.floats, w.shape...)
		return c.done[name], nil
	}
	base, _, _ := strings.Cut(name, ":")
	n := c.nodes[base]
	if n == nil || depth > 2000 {
		return "", fmt.Errorf("no node makes %s", name)
	}
	if err := c.make(n, depth+1); err != nil {
		return "", fmt.Errorf("%s %s: %w", n.Op, n.Name, err)
	}
	if made, ok := c.done[name]; ok {
		return made, nil
	}
	return "", fmt.Errorf("%s has no output %s", n.Name, name)
}

// operands are how many of a node's inputs are tensors of floats; the rest are
// constants.
var operands = map[string]int{
	"Placeholder": 0, "Add": 2, "AddV2": 2, "Mul": 2, "Sub": 2, "Conv2D": 1, "_FusedConv2D": 1, "FusedDepthwiseConv2dNative": 1,
	"MaxPool": 1, "AvgPool": 1, "Pad": 1, "PadV2": 1, "Transpose": 1, "Reshape": 1, "Squeeze": 1, "SplitV": 1,
	"LeakyRelu": 1, "Sigmoid": 1, "Identity": 1, "ResizeBilinear": 1, "ConcatV2": -1, // all but the last
}

// make adds a node, after those it needs.
func (c *converter) make(n *tfNode, depth int) error {
	count, known := operands[n.Op]
	if !known {
		return errors.New("this operation is not known")
	}
	if count < 0 {
		count += len(n.Inputs)
	}
	if len(n.Inputs) < count {
		return errors.New("inputs are missing")
	}
	var in []string
	for _, name := range n.Inputs[:count] {
		made, err := c.tensor(name, depth)
		if err != nil {
			return err
		}
		in = append(in, made)
	}
	out := n.Name
	switch n.Op {
	case "Placeholder":
		var shape []int
		for _, d := range n.Attrs["shape"].Shape.Dims {
			v, err := strconv.Atoi(d.Size.String())
			if err != nil {
				return err
			}
			shape = append(shape, v)
		}
		c.input(out, shape...)
	case "Add", "AddV2":
		c.node("Add", out, in)
	case "Mul", "Sub", "Sigmoid", "Identity":
		c.node(n.Op, out, in)
	case "LeakyRelu":
		c.node("LeakyRelu", out, in, attr{"alpha", n.Attrs["alpha"].Float})
	case "Conv2D", "_FusedConv2D", "FusedDepthwiseConv2dNative":
		return c.conv(n, in[0])
	case "MaxPool", "AvgPool":
		op := map[string]string{"MaxPool": "MaxPool", "AvgPool": "AveragePool"}[n.Op]
		pad, err := padding(n)
		if err != nil {
			return err
		}
		c.last(c.node(op, "", []string{c.first(in[0])}, attr{"kernel_shape", inner(n.Attrs["ksize"].ints())}, attr{"strides", inner(n.Attrs["strides"].ints())}, pad), out)
	case "Pad", "PadV2":
		p, err := c.ints32(n.Inputs, 1)
		if err != nil {
			return err
		}
		var starts, ends []int
		for i := 0; i+1 < len(p); i += 2 {
			starts, ends = append(starts, p[i]), append(ends, p[i+1])
		}
		in = append(in, c.ints(append(starts, ends...)...))
		if n.Op == "PadV2" {
			w, err := c.constant(n.Inputs, 2)
			if err != nil || len(w.floats) != 1 {
				return errors.New("the constant to pad with is missing")
			}
			in = append(in, c.floats(w.floats))
		}
		c.node("Pad", out, in)
	case "Transpose":
		perm, err := c.ints32(n.Inputs, 1)
		if err != nil {
			return err
		}
		c.node("Transpose", out, in, attr{"perm", perm})
	case "Reshape":
		shape, err := c.ints32(n.Inputs, 1)
		if err != nil {
			return err
		}
		c.node("Reshape", out, append(in, c.ints(shape...)))
	case "Squeeze":
		c.node("Squeeze", out, append(in, c.ints(n.Attrs["squeeze_dims"].ints()...)))
	case "ConcatV2":
		axis, err := c.ints32(n.Inputs, len(n.Inputs)-1)
		if err != nil || len(axis) != 1 {
			return errors.New("the axis is missing")
		}
		c.node("Concat", out, in, attr{"axis", axis[0]})
	case "SplitV":
		sizes, err := c.ints32(n.Inputs, 1)
		axis, err2 := c.ints32(n.Inputs, 2)
		if err != nil || err2 != nil || len(axis) != 1 {
			return errors.New("the sizes or the axis are missing")
		}
		outs := []string{out}
		for i := 1; i < len(sizes); i++ {
			outs = append(outs, fmt.Sprintf("%s:%d", out, i))
			c.done[outs[i]] = outs[i]
		}
		c.many("Split", outs, append(in, c.ints(sizes...)), attr{"axis", axis[0]})
	case "ResizeBilinear":
		size, err := c.ints32(n.Inputs, 1)
		if err != nil {
			return err
		}
		if n.Attrs["align_corners"].Bool || !n.Attrs["half_pixel_centers"].Bool {
			return errors.New("only half-pixel centres are known")
		}
		first := c.first(in[0])
		whole := c.node("Concat", "", []string{c.node("Shape", "", []string{first}, attr{"end", 2}), c.ints(size...)}, attr{"axis", 0})
		c.last(c.node("Resize", "", []string{first, "", "", whole}, attr{"mode", "linear"}, attr{"coordinate_transformation_mode", "half_pixel"}), out)
	}
	c.done[out] = out
	return nil
}

// first puts the channels first, last puts them last.
func (c *converter) first(in string) string {
	return c.node("Transpose", "", []string{in}, attr{"perm", []int{0, 3, 1, 2}})
}

func (c *converter) last(in, out string) {
	c.node("Transpose", out, []string{in}, attr{"perm", []int{0, 2, 3, 1}})
	c.done[out] = out
}

// conv adds a convolution with what was fused into it.
func (c *converter) conv(n *tfNode, in string) error {
	w, err := c.constant(n.Inputs, 1)
	if err != nil || len(w.shape) != 4 || w.floats == nil {
		return errors.New("the filters are missing")
	}
	pad, err := padding(n)
	if err != nil {
		return err
	}
	h, wd, ci, co := w.shape[0], w.shape[1], w.shape[2], w.shape[3]
	group, shape := 1, []int{co, ci, h, wd}
	if n.Op == "FusedDepthwiseConv2dNative" {
		group, shape = ci, []int{ci * co, 1, h, wd}
	}
	flipped := make([]float32, len(w.floats))
	for k := range h * wd {
		for i := range ci {
			for o := range co {
				to := o*ci + i
				if group > 1 {
					to = i*co + o
				}
				flipped[to*h*wd+k] = w.floats[(k*ci+i)*co+o]
			}
		}
	}
	ins := []string{c.first(in), c.floats(flipped, shape...)}
	var then string
	for _, op := range n.Attrs["fused_ops"].List.Texts {
		switch string(op) {
		case "BiasAdd":
			b, err := c.constant(n.Inputs, 2)
			if err != nil || b.floats == nil {
				return errors.New("the bias is missing")
			}
			ins = append(ins, c.floats(b.floats, len(b.floats)))
		case "Relu", "Relu6":
			then = string(op)
		default:
			return fmt.Errorf("%s fused into it is not known", op)
		}
	}
	out := c.node("Conv", "", ins, attr{"strides", inner(n.Attrs["strides"].ints())}, attr{"dilations", inner(n.Attrs["dilations"].ints())}, attr{"group", group}, pad)
	switch then {
	case "Relu":
		out = c.node("Relu", "", []string{out})
	case "Relu6":
		out = c.node("Clip", "", []string{out, c.floats([]float32{0}), c.floats([]float32{6})})
	}
	c.last(out, n.Name)
	return nil
}

// inner are the values for height and width of those for all four dimensions.
func inner(list []int) []int {
	if len(list) != 4 {
		return []int{1, 1}
	}
	return list[1:3]
}

func padding(n *tfNode) (attr, error) {
	switch p := string(n.Attrs["padding"].Text); p {
	case "SAME":
		return attr{"auto_pad", "SAME_UPPER"}, nil
	case "VALID":
		return attr{"auto_pad", "VALID"}, nil
	default:
		return attr{}, fmt.Errorf("padding %q is not known", p)
	}
}

// constant is the constant that is a node's i-th input.
func (c *converter) constant(inputs []string, i int) (weight, error) {
	if i >= len(inputs) {
		return weight{}, errors.New("an input is missing")
	}
	return c.value(inputs[i], 0)
}

func (c *converter) ints32(inputs []string, i int) ([]int, error) {
	w, err := c.constant(inputs, i)
	if err == nil && w.floats != nil {
		err = fmt.Errorf("%s is not of ints", inputs[i])
	}
	return w.ints, err
}

// value computes a constant: a weight, or what is made of weights.
func (c *converter) value(name string, depth int) (weight, error) {
	if w, ok := c.weights[name]; ok {
		return w, nil
	}
	n := c.nodes[name]
	if n == nil || depth > 100 {
		return weight{}, fmt.Errorf("%s is not a constant", name)
	}
	var in []weight
	for _, i := range n.Inputs {
		w, err := c.value(i, depth+1)
		if err != nil {
			return weight{}, err
		}
		in = append(in, w)
	}
	switch {
	case n.Op == "AddV2" && len(in) == 2 && len(in[0].ints) == len(in[1].ints):
		sum := slices.Clone(in[0].ints)
		for i, v := range in[1].ints {
			sum[i] += v
		}
		return weight{shape: in[0].shape, ints: sum}, nil
	case n.Op == "SparseToDense" && len(in) == 4 && len(in[0].ints) == 0 && len(in[1].ints) == 1 && len(in[3].ints) == 1:
		if size := in[1].ints[0]; size >= 0 && size < 100 {
			return weight{shape: in[1].ints, ints: slices.Repeat(in[3].ints, size)}, nil
		}
	}
	return weight{}, fmt.Errorf("%s %s is not a constant", n.Op, name)
}

// bundled reads a model.json that was bundled as a JavaScript module: the object
// literal as JSON.
func bundled(module []byte) ([]byte, error) {
	i := strings.Index(string(module), `{format:"graph-model"`)
	if i < 0 {
		return nil, errors.New("no model in this module")
	}
	var out []byte
	for depth, s := 0, module[i:]; len(s) > 0; {
		switch b := s[0]; {
		case b == '"':
			end := 1
			for end < len(s) && s[end] != '"' {
				if s[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end+1, len(s))
			out, s = append(out, s[:end]...), s[end:]
			continue
		case b == '!' && len(s) > 1: // !0 is true, !1 is false
			out, s = strconv.AppendBool(out, s[1] == '0'), s[2:]
			continue
		case b == '.' && !isDigit(out[len(out)-1]): // .5
			out = append(out, '0', b)
		case b == '_' || b == '$' || isLetter(b):
			if isDigit(out[len(out)-1]) { // 1e-5
				out = append(out, b)
				break
			}
			end := 1
			for end < len(s) && (s[end] == '_' || s[end] == '$' || isLetter(s[end]) || isDigit(s[end])) {
				end++
			}
			if word := s[:end]; end < len(s) && s[end] == ':' {
				out = strconv.AppendQuote(out, string(word))
			} else {
				out = append(out, word...)
			}
			s = s[end:]
			continue
		default:
			out = append(out, b)
			switch b {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					return out, nil
				}
			}
		}
		s = s[1:]
	}
	return nil, errors.New("the model in this module has no end")
}

func isDigit(b byte) bool  { return b >= '0' && b <= '9' }
func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// shard reads weights that were bundled as a JavaScript module: its longest text,
// in Base64.
func shard(module []byte) ([]byte, error) {
	var longest string
	for _, s := range strings.Split(string(module), `"`) {
		if len(s) > len(longest) {
			longest = s
		}
	}
	return base64.StdEncoding.DecodeString(longest)
}
