// Package porttest finds ports for programs that tests start.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Free is a port of this machine on which nobody listens. Programs that listen on
// "localhost:0", and connections that go out, get theirs from 32768 on (Linux; elsewhere
// higher): nobody is given this one before the program has it, or while it restarts.
func Free(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 12_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port from 12000 to 32000")
	return 0
}
