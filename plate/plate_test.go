package plate

import (
	"encoding/json"
	"testing"
	"time"
)

func TestIDsKeepAllTheirDigits(t *testing.T) {
	id := IDAt(time.Date(2026, 11, 22, 9, 0, 0, 1e6, time.UTC)) + 1
	text, err := json.Marshal([]ID{id})
	if err != nil || string(text) != `["1882548338689048577"]` {
		t.Fatalf("%s, %v", text, err)
	}
	var got []ID
	if err := json.Unmarshal(text, &got); err != nil || got[0] != id {
		t.Fatalf("%v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`["-1"]`), &got); err == nil {
		t.Fatal("read what is no id")
	}
}
