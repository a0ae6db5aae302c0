package main

import "errors"

// exitError ends the program with a code of its own: 1 refused or failed check
// (what other errors give), 2 wrong use.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usageError(err error) error { return &exitError{2, err} }

// exitCode is what the process ends with.
func exitCode(err error) int {
	var e *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code
	}
	return 1
}
