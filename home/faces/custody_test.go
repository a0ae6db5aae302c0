package faces_test

import (
	"reflect"
	"strings"
	"testing"

	"porchlight/home"
	"porchlight/home/send"
	"porchlight/share/client"
	"porchlight/vision"
)

// What is put together for an agency and what goes over the wire has no room for a
// face, a likeness, or who was seen. That the packages that send know nothing of
// this one is a rule of internal/housetest.
func TestNothingThatIsSentHasRoomForFaces(t *testing.T) {
	forbidden := map[reflect.Type]string{
		reflect.TypeFor[home.Moment]():      "who was seen",
		reflect.TypeFor[vision.Embedding](): "a likeness",
		reflect.TypeFor[vision.Face]():      "a face",
	}
	seen := map[reflect.Type]bool{}
	var look func(where string, r reflect.Type)
	look = func(where string, r reflect.Type) {
		if what := forbidden[r]; what != "" {
			t.Errorf("%s is %v: %s", where, r, what)
		}
		if strings.HasSuffix(r.PkgPath(), "home/faces") {
			t.Errorf("%s is %v", where, r)
		}
		if seen[r] {
			return
		}
		seen[r] = true
		switch r.Kind() {
		case reflect.Struct:
			for i := range r.NumField() {
				look(where+"."+r.Field(i).Name, r.Field(i).Type)
			}
		case reflect.Slice, reflect.Array, reflect.Pointer:
			look(where, r.Elem())
		case reflect.Map:
			look(where, r.Key())
			look(where, r.Elem())
		case reflect.Interface:
			t.Errorf("%s may be anything: %v", where, r)
		}
	}
	look("Draft", reflect.TypeFor[send.Draft]())
	look("Answer", reflect.TypeFor[client.Answer]())
	look("Letter", reflect.TypeFor[client.Letter]())
	if len(seen) < 20 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}
