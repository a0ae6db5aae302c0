//go:build !((linux || darwin) && (amd64 || arm64))

package ort

import (
	"fmt"
	"runtime"
)

// Library is a loaded ONNX Runtime.
type Library struct{ Version string }

// Open says that networks cannot be run here.
func Open(string) (*Library, error) {
	return nil, fmt.Errorf("ONNX Runtime cannot be loaded on %s/%s: use Linux or macOS, on amd64 or arm64", runtime.GOOS, runtime.GOARCH)
}

// Session is one network.
type Session struct{ Inputs, Outputs []Port }

// Session cannot be reached: there is no Library here.
func (*Library) Session([]byte) (*Session, error) { return nil, ErrClosed }

// Run computes the outputs.
func (*Session) Run(...Tensor) ([]Tensor, error) { return nil, ErrClosed }

// Close does nothing.
func (*Session) Close() error { return nil }
