//go:build (linux || darwin) && (amd64 || arm64)

package ort

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Functions of OrtApi by their place in it. The table only ever grows at its end,
// so these hold for every release since apiVersion.
const (
	apiVersion = 17

	fnGetErrorMessage                = 2
	fnCreateEnv                      = 3
	fnDisableTelemetryEvents         = 6
	fnCreateSessionFromArray         = 8
	fnRun                            = 9
	fnCreateSessionOptions           = 10
	fnSetGraphOptimizationLevel      = 23
	fnSetIntraOpNumThreads           = 24
	fnSetInterOpNumThreads           = 25
	fnSessionGetInputCount           = 30
	fnSessionGetOutputCount          = 31
	fnSessionGetInputTypeInfo        = 33
	fnSessionGetOutputTypeInfo       = 34
	fnSessionGetInputName            = 36
	fnSessionGetOutputName           = 37
	fnCreateTensorWithDataAsOrtValue = 49
	fnGetTensorMutableData           = 51
	fnCastTypeInfoToTensorInfo       = 55
	fnGetTensorElementType           = 60
	fnGetDimensionsCount             = 61
	fnGetDimensions                  = 62
	fnGetTensorTypeAndShape          = 65
	fnCreateCPUMemoryInfo            = 69
	fnAllocatorFree                  = 76
	fnGetAllocator                   = 78
	fnReleaseStatus                  = 93
	fnReleaseSession                 = 95
	fnReleaseValue                   = 96
	fnReleaseTypeInfo                = 98
	fnReleaseTensorInfo              = 99
	tableSize                        = 100
)

// Values of the C enums that are passed by number.
const (
	logErrors        = 3  // ORT_LOGGING_LEVEL_ERROR
	optimizeAll      = 99 // ORT_ENABLE_ALL
	arenaAllocator   = 1  // OrtArenaAllocator
	memoryTypeNormal = 0  // OrtMemTypeDefault
)

// Library is a loaded ONNX Runtime. It stays loaded until the process ends.
type Library struct {
	Version string // "1.30.0"

	fn           *[tableSize]uintptr
	errorMessage func(status uintptr) string
	env          uintptr
	options      uintptr // of every session
	memory       uintptr // says that tensors lie in main memory
	allocator    uintptr // of the names that the library hands out
}

// Open loads ONNX Runtime from its shared library, libonnxruntime.so.1 or
// libonnxruntime.dylib.
func Open(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime: %w", err)
	}
	entry, err := purego.Dlsym(handle, "OrtGetApiBase")
	if err != nil {
		return nil, fmt.Errorf("%s is not ONNX Runtime: %w", path, err)
	}
	var base func() *struct{ api, version uintptr }
	var api func(version uint32) *[tableSize]uintptr
	var version func() string
	purego.RegisterFunc(&base, entry)
	purego.RegisterFunc(&api, base().api)
	purego.RegisterFunc(&version, base().version)
	l := &Library{Version: version(), fn: api(apiVersion)}
	if l.fn == nil {
		return nil, fmt.Errorf("ONNX Runtime %s is too old: 1.%d or newer is needed", l.Version, apiVersion)
	}
	purego.RegisterFunc(&l.errorMessage, l.fn[fnGetErrorMessage])

	err = l.call(fnCreateEnv, logErrors, uintptr(unsafe.Pointer(text("porchlight"))), uintptr(unsafe.Pointer(&l.env)))
	if err == nil {
		err = l.call(fnDisableTelemetryEvents, l.env)
	}
	if err == nil {
		err = l.call(fnCreateSessionOptions, uintptr(unsafe.Pointer(&l.options)))
	}
	if err == nil {
		err = l.call(fnSetIntraOpNumThreads, l.options, 1)
	}
	if err == nil {
		err = l.call(fnSetInterOpNumThreads, l.options, 1)
	}
	if err == nil {
		err = l.call(fnSetGraphOptimizationLevel, l.options, optimizeAll)
	}
	if err == nil {
		err = l.call(fnCreateCPUMemoryInfo, arenaAllocator, memoryTypeNormal, uintptr(unsafe.Pointer(&l.memory)))
	}
	if err == nil {
		err = l.call(fnGetAllocator, uintptr(unsafe.Pointer(&l.allocator)))
	}
	if err != nil {
		return nil, fmt.Errorf("start ONNX Runtime %s: %w", l.Version, err)
	}
	return l, nil
}

// call calls a function that answers with an OrtStatus.
//
//go:uintptrescapes
func (l *Library) call(fn int, args ...uintptr) error {
	status, _, _ := purego.SyscallN(l.fn[fn], args...)
	if status == 0 {
		return nil
	}
	defer l.release(fnReleaseStatus, status)
	return errors.New(l.errorMessage(status))
}

// release calls one of the functions that free what the library made.
func (l *Library) release(fn int, what uintptr) {
	if what != 0 {
		purego.SyscallN(l.fn[fn], what)
	}
}

// text is s as C reads it.
func text(s string) *byte { return &append([]byte(s), 0)[0] }

// Session is one network, ready to run. Safe for concurrent use.
type Session struct {
	Inputs, Outputs []Port

	lib       *Library
	handle    uintptr
	ins, outs []*byte // the names, as C reads them
	running   sync.RWMutex
}

// Session makes a network of a model in ONNX format, which must hold its weights.
func (l *Library) Session(model []byte) (*Session, error) {
	if len(model) == 0 {
		return nil, errors.New("the model is empty")
	}
	s := &Session{lib: l}
	err := l.call(fnCreateSessionFromArray, l.env, uintptr(unsafe.Pointer(&model[0])), uintptr(len(model)), l.options, uintptr(unsafe.Pointer(&s.handle)))
	if err != nil {
		return nil, err
	}
	if s.Inputs, s.ins, err = s.ports(fnSessionGetInputCount, fnSessionGetInputName, fnSessionGetInputTypeInfo); err == nil {
		s.Outputs, s.outs, err = s.ports(fnSessionGetOutputCount, fnSessionGetOutputName, fnSessionGetOutputTypeInfo)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// ports asks what goes into the network or comes out of it.
func (s *Session) ports(count, name, info int) (ports []Port, names []*byte, err error) {
	l := s.lib
	var n uintptr
	if err := l.call(count, s.handle, uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, nil, err
	}
	for i := range n {
		var p Port
		var cname *byte
		if err := l.call(name, s.handle, i, l.allocator, uintptr(unsafe.Pointer(&cname))); err != nil {
			return nil, nil, err
		}
		for b := cname; *b != 0; b = (*byte)(unsafe.Add(unsafe.Pointer(b), 1)) {
			p.Name += string(rune(*b))
		}
		if err := l.call(fnAllocatorFree, l.allocator, uintptr(unsafe.Pointer(cname))); err != nil {
			return nil, nil, err
		}
		var kind, tensor uintptr
		if err := l.call(info, s.handle, i, uintptr(unsafe.Pointer(&kind))); err != nil {
			return nil, nil, err
		}
		err := l.call(fnCastTypeInfoToTensorInfo, kind, uintptr(unsafe.Pointer(&tensor)))
		switch {
		case err == nil && tensor == 0:
			err = fmt.Errorf("%s is not a tensor", p.Name)
		case err == nil:
			p.Type, p.Shape, err = l.shape(tensor)
		}
		l.release(fnReleaseTypeInfo, kind)
		if err != nil {
			return nil, nil, err
		}
		ports, names = append(ports, p), append(names, text(p.Name))
	}
	return ports, names, nil
}

// shape reads an OrtTensorTypeAndShapeInfo.
func (l *Library) shape(info uintptr) (Type, []int64, error) {
	var kind Type
	var n uintptr
	if err := l.call(fnGetTensorElementType, info, uintptr(unsafe.Pointer(&kind))); err != nil {
		return 0, nil, err
	}
	if err := l.call(fnGetDimensionsCount, info, uintptr(unsafe.Pointer(&n))); err != nil || n == 0 {
		return kind, nil, err
	}
	dims := make([]int64, n)
	return kind, dims, l.call(fnGetDimensions, info, uintptr(unsafe.Pointer(&dims[0])), n)
}

// Run computes the outputs, all of them in the order of Outputs, from the inputs
// in the order of Inputs.
func (s *Session) Run(inputs ...Tensor) ([]Tensor, error) {
	s.running.RLock()
	defer s.running.RUnlock()
	if s.handle == 0 {
		return nil, ErrClosed
	}
	if len(inputs) != len(s.Inputs) {
		return nil, fmt.Errorf("%d inputs, the network takes %d", len(inputs), len(s.Inputs))
	}
	l := s.lib
	var pins runtime.Pinner // the library reads the inputs where they are
	defer pins.Unpin()
	in, results := make([]uintptr, len(s.ins)), make([]uintptr, len(s.outs))
	defer func() {
		for _, v := range append(in, results...) {
			l.release(fnReleaseValue, v)
		}
	}()
	for i, t := range inputs {
		if err := s.Inputs[i].check(t); err != nil {
			return nil, err
		}
		data, size := unsafe.Pointer(unsafe.SliceData(t.Float)), 4*len(t.Float)
		if t.Int != nil {
			data, size = unsafe.Pointer(unsafe.SliceData(t.Int)), 8*len(t.Int)
		}
		pins.Pin(data)
		if err := l.call(fnCreateTensorWithDataAsOrtValue, l.memory, uintptr(data), uintptr(size),
			uintptr(unsafe.Pointer(unsafe.SliceData(t.Shape))), uintptr(len(t.Shape)), uintptr(s.Inputs[i].Type), uintptr(unsafe.Pointer(&in[i]))); err != nil {
			return nil, err
		}
	}
	const noOptions = 0
	if err := l.call(fnRun, s.handle, noOptions,
		uintptr(unsafe.Pointer(unsafe.SliceData(s.ins))), uintptr(unsafe.Pointer(unsafe.SliceData(in))), uintptr(len(in)),
		uintptr(unsafe.Pointer(unsafe.SliceData(s.outs))), uintptr(len(results)), uintptr(unsafe.Pointer(unsafe.SliceData(results)))); err != nil {
		return nil, err
	}
	out := make([]Tensor, len(results))
	for i, v := range results {
		var err error
		if out[i], err = l.read(v); err != nil {
			return nil, fmt.Errorf("output %s: %w", s.Outputs[i].Name, err)
		}
	}
	return out, nil
}

// read copies a tensor out of the library's memory.
func (l *Library) read(value uintptr) (Tensor, error) {
	var info uintptr
	if err := l.call(fnGetTensorTypeAndShape, value, uintptr(unsafe.Pointer(&info))); err != nil {
		return Tensor{}, err
	}
	kind, shape, err := l.shape(info)
	l.release(fnReleaseTensorInfo, info)
	if err != nil {
		return Tensor{}, err
	}
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	var data unsafe.Pointer
	if err := l.call(fnGetTensorMutableData, value, uintptr(unsafe.Pointer(&data))); err != nil {
		return Tensor{}, err
	}
	switch kind {
	case Float32:
		return Floats(append(make([]float32, 0, n), unsafe.Slice((*float32)(data), n)...), shape...), nil
	case Int64:
		return Ints(append(make([]int64, 0, n), unsafe.Slice((*int64)(data), n)...), shape...), nil
	}
	return Tensor{}, fmt.Errorf("elements of type %d, only 32-bit floats and 64-bit integers can be read", kind)
}

// Close frees the network, once those that run have finished.
func (s *Session) Close() error {
	s.running.Lock()
	defer s.running.Unlock()
	s.lib.release(fnReleaseSession, s.handle)
	s.handle = 0
	return nil
}
