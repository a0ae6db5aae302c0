package policy

import (
	"testing"
	"time"
)

func TestPacksHold(t *testing.T) {
	start := time.Now()
	r := Test(Packs())
	for _, f := range r.Failures {
		t.Error(f)
	}
	t.Logf("%d cases, %d promises, %d assignments, %d decisions, %v", r.Cases, r.Promises, r.Assignments, r.Decisions, time.Since(start))
}
