package whole_test

import (
	"encoding/json"
	"testing"
	"time"

	"porchlight/internal/whole"
)

type inner struct {
	List []string          `json:"list"`
	Map  map[string][]int  `json:"map"`
	None *inner            `json:"none"`
	Raw  json.RawMessage   `json:"raw,omitempty"`
	At   time.Time         `json:"at,omitzero"`
	Any  map[string]string `json:"any,omitempty"`
}

func TestOf(t *testing.T) {
	v := struct {
		Deep *inner  `json:"deep"`
		All  []inner `json:"all"`
	}{&inner{}, []inner{{Map: map[string][]int{"a": nil}, Raw: json.RawMessage("1"), At: time.Unix(0, 0).UTC()}}}
	got, err := json.Marshal(whole.Of(v))
	want := `{"deep":{"list":[],"map":{},"none":null},"all":[{"list":[],"map":{"a":[]},"none":null,"raw":1,"at":"1970-01-01T00:00:00Z"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if v.Deep.List != nil || v.All[0].Map["a"] != nil {
		t.Error("the value itself was changed")
	}
}
