// Package nets runs the networks: objects, faces, text, animals. It turns frames
// into tensors and tensors into the nouns of package vision.
//
// Every method computes on the calling goroutine and is safe for concurrent use:
// who has several frames and several cores calls from several goroutines.
package nets

import (
	"fmt"
	"sync"

	"porchlight/vision/models"
	"porchlight/vision/ort"
)

// Nets are the networks of one models folder. Each is loaded when it is first used
// and stays.
type Nets struct {
	lib *ort.Library
	dir string

	mu     sync.Mutex
	loaded map[string]*ort.Session
}

// Open loads ONNX Runtime from the models folder. When something is missing, here
// or at the first use of a network, the error is models.ErrMissing.
func Open(dir string) (*Nets, error) {
	path, err := models.Path(dir, models.Runtime)
	if err != nil {
		return nil, err
	}
	lib, err := ort.Open(path)
	if err != nil {
		return nil, err
	}
	return &Nets{lib: lib, dir: dir, loaded: map[string]*ort.Session{}}, nil
}

// Session makes a network of a model that lies elsewhere than in the folder.
func (n *Nets) Session(model []byte) (*ort.Session, error) { return n.lib.Session(model) }

// Close frees the networks that were loaded. They cannot be used afterwards.
func (n *Nets) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.loaded {
		s.Close()
	}
	return nil
}

// session is a network of the folder, loaded at its first use.
func (n *Nets) session(name string) (*ort.Session, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.loaded[name]; s != nil {
		return s, nil
	}
	model, err := models.Read(n.dir, name)
	if err != nil {
		return nil, err
	}
	s, err := n.lib.Session(model)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	n.loaded[name] = s
	return s, nil
}

// run runs a network with one input.
func (n *Nets) run(name string, in ort.Tensor) ([]ort.Tensor, error) {
	s, err := n.session(name)
	if err != nil {
		return nil, err
	}
	out, err := s.Run(in)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return out, nil
}
